"""The first convolution, a few rows just before the second one reads them.

Where the second stage goes through its input in bands (export.kernels.band), the first
one's output need not be stored: of it, a window of rows is kept that moves down with
the bands. The second stage's function drives both, and calls the hook for both.
"""

from collections.abc import Iterator
from dataclasses import replace

from export.graph.fusion import Stage, kernel_size, overlaps
from export.graph.network import Network
from export.kernels import conv, winograd
from export.kernels.int8 import Emitted, Options
from export.plan import cost


def attach(
    network: Network,
    stages: tuple[Stage, ...],
    emitted: list[Emitted],
    options: Options,
    pitch: int,
) -> dict[int, int]:
    """Make the first stage feed the second, in place; bytes of the window by tensor.

    Empty where it does not apply. `pitch` is that of the image.
    """
    if len(stages) < 2 or not _applies(network, stages[0], stages[1], emitted[1]):
        return {}
    first, second = stages[0], stages[1]
    band = emitted[1].context
    stride = second.head.attributes["stride_h"]
    reach = kernel_size(network, second.head)[0] - 1
    reach = reach * second.head.attributes["dilation_h"] + 1
    advance = band["cells"] * band["size"] * stride
    need = advance - stride + reach
    kept, row = need - advance, first.out_live[1] * first.out_live[2]
    if kept < 0 or advance * row % 4 or kept * row % 4:
        return {}
    made = [
        (rows, way)
        for rows, way in _ways(network, first, options, pitch, band["inner_bytes"])
        if kept % rows == 0 and need % rows == 0
    ]
    if not made:
        return {}
    rows, way = min(made, key=lambda pair: cost.estimate(pair[1].context, "xtensa"))
    inner = max(band["inner_bytes"], -(-way.context["scratch"] // 4) * 4)
    band["scratch"] += inner - band["inner_bytes"]
    down = first.pool.attributes["stride_h"] if first.pool else 1
    band["inner_bytes"] = inner
    band["stream"] = {
        "function": first.name,
        "number": first.number,
        "needs_scratch": way.context["scratch"] > 0,
        "rows": rows,
        "need": need,
        "kept": kept,
        "advance": advance,
        "row": row,
        "move": down * first.head.attributes["stride_h"] * pitch,
        "reader": second.number,
    }
    emitted[0] = way
    return {first.output: need * row}


def _applies(network: Network, first: Stage, second: Stage, made: Emitted) -> bool:
    """Whether all of the first stage's output goes into the second's bands."""
    readers = sum(first.output in op.inputs for op in network.operators)
    return (
        made.context["template"] == "band_int8.c.jinja"
        and first.head.kind == "CONV_2D"
        and first.inputs == (network.inputs[0],) == first.reads
        and second.inputs == (first.output,) == second.reads
        and readers == 1
        and not (first.pool and overlaps(first.pool))
        and not conv.shape_of(network, first).padded
    )


def _ways(
    network: Network, stage: Stage, options: Options, pitch: int, room: int
) -> Iterator[tuple[int, Emitted]]:
    """(rows of output a call, how they are made); `room`: scratch that is there.

    Where only that is needed, and weights are wide anyway, Winograd is never dear.
    """
    _, width, channels = stage.mac_live
    _, out_w, _ = stage.out_live
    down = stage.pool.attributes["stride_h"] if stage.pool else 1
    for rows, maker in ((1, conv.emit), (2 // down, winograd.emit)):
        if rows < 1:
            continue
        part = replace(
            stage,
            mac_live=(rows * down, width, channels),
            out_live=(rows, out_w, channels),
        )
        made = maker(network, part, options, pitch, False)
        if made is None:
            continue
        free = options.wide_weights and made.context["scratch"] <= room
        if maker is conv.emit or options.winograd or free:
            made.context["repeats"] = stage.out_live[0] // rows
            yield rows, made
