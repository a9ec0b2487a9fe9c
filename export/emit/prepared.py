"""Frames and strokes to 28x28 in a component, under the component's own name.

    files = sources("v3")        # path in the component: text

A copy of firmware/components/prepare whose names all begin with v3_prepare, so that two
components that both have it live in one firmware.
"""

from core.errors import Esp8kError
from core.paths import ROOT
from export.graph.network import Network

FOLDER = ROOT / "firmware" / "components" / "prepare"
PIXELS = 784  # that it makes


def sources(prefix: str) -> dict[str, str]:
    """Headers and sources, by their path in the component."""
    found = {}
    for path in sorted(FOLDER.glob("*.[ch]")):
        text = path.read_text().replace("nn_prepare", f"{prefix}_prepare")
        name = path.name.replace("nn_prepare", f"{prefix}_prepare")
        found[f"src/{name}"] = text.replace("NN_PREPARE", f"{prefix.upper()}_PREPARE")
    return found


def require(network: Network) -> None:
    """Refuse a network that takes anything but 28x28 grey pixels."""
    sizes = [network.tensors[i].size for i in network.inputs]
    if sizes != [PIXELS] or network.engine != "int8":
        raise Esp8kError(
            f"--prepare makes 28x28 pixels, {network.name} takes {sizes} values of "
            f"{network.engine}",
            "leave it out",
        )
