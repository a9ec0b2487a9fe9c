"""Five views summed in a component: <prefix>_views.h and .c, as `core.views` has them.

    files = sources(network, "v3", engines=("int8", "f16"))    # path: text

The image and its four neighbours by a pixel are run one after another and the logits
are summed: five times the cost, a little more often right.
"""

from core.errors import Esp8kError
from core.views import OFFSETS
from export.emit import c_source
from export.graph.network import Network

TYPES = {"int8": ("int8_t", "int32_t"), "f16": ("float", "float")}  # logits, their sums


def sources(network: Network, prefix: str, engines: tuple[str, ...]) -> dict[str, str]:
    """The header and the source, by their path in the component."""
    height, width = sides(network)
    context = {
        "height": height,
        "width": width,
        "offsets": OFFSETS,
        "engines": [(name, *TYPES[name]) for name in engines],
    }
    return c_source.pair(prefix, "views", context)


def sides(network: Network) -> tuple[int, int]:
    """Height and width of the one grey picture that the network takes."""
    shapes = [network.tensors[i].shape for i in network.inputs]
    alone = len(shapes) == 1 and not network.variables and network.engine == "int8"
    if alone and len(shapes[0]) == 4 and shapes[0][3] == 1:
        return shapes[0][1], shapes[0][2]
    told = " and ".join("x".join(map(str, shape)) for shape in shapes) or "nothing"
    raise Esp8kError(
        f"--views shifts one grey picture of bytes, {network.name} takes {told} of "
        f"{network.engine}",
        "leave it out",
    )
