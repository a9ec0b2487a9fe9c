"""How far before its input a stage's output has to start to be written over it.

A stage goes through its input from front to back and writes its output from front to
back. If the output starts `lag` bytes before the input, and no step writes at or
behind anything that a later step still reads, then both may share memory.

    lag = max over steps of (end of what the step writes
                             - start of what any later step reads)

The steps are those of the loops in the templates; a step that reads again after it
has begun to write counts among its own later steps.
"""

from typing import Any

import numpy as np

from export.graph.fusion import UNARY_KINDS, Stage

ELEMENTWISE = (*UNARY_KINDS, "ADD", "MUL")


def lags(stage: Stage, context: dict[str, Any]) -> list[int | None]:
    """For each input of a stage the lag of its output; None: they must lie apart."""
    maker = {
        "conv_int8.c.jinja": _direct,
        "depthwise_int8.c.jinja": _depthwise,
        "winograd_int8.c.jinja": _winograd,
        "winograd4_int8.c.jinja": _winograd4,
        "band_int8.c.jinja": _band,
    }.get(context["template"])
    if maker is not None:
        return [maker(context)]
    if stage.head.kind in ELEMENTWISE:
        shapes, pitches = stage.in_live, context["pitches"]
        return [
            _elementwise(stage, shape, pitch)
            for shape, pitch in zip(shapes, pitches, strict=True)
        ]
    if stage.head.kind in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        return [_pool(context)]
    return [None] * len(stage.inputs)


def _lag(ends: np.ndarray, starts: np.ndarray, rereads: bool) -> int:
    """From where each step's writes end and its reads start, in the steps' order."""
    ends, starts = ends.reshape(-1), starts.reshape(-1)
    later = np.minimum.accumulate(starts[::-1])[::-1]
    if not rereads:
        ends, later = ends[:-1], later[1:]
    return max(int((ends - later).max(initial=0)), 0)


def _direct(c: dict[str, Any]) -> int:
    """Steps are blocks of positions; each reads its window for every few channels."""
    if c["window"]:
        return _windowed(c, c["out_w"] * c["out_c"])
    y = np.arange(c["out_h"])[:, None]
    loops = [(x, p["step"]) for p in c["parts"] for x in _places(p)]
    x, size = np.array(loops).T
    ends = (y * c["out_w"] + x + size) * c["out_c"]
    return _lag(ends, y * c["move_y"] + x * c["move_x"], rereads=True)


def _places(part: dict[str, Any]) -> range:
    """Where in a row the blocks of a loop begin."""
    return range(part["start"], part["end"], part["step"])


def _depthwise(c: dict[str, Any]) -> int:
    """Steps are rows: each channel goes through all of a row."""
    if c["window"]:
        return _windowed(c, c["out_w"] * c["out_c"])
    y = np.arange(c["out_h"])
    ends = (y + 1) * c["out_w"] * c["out_c"]
    return _lag(ends, y * c["move_y"], rereads=True)


def _windowed(c: dict[str, Any], row: int) -> int:
    """Steps are rows: the window is filled, then all of a row is written."""
    w = c["window"]
    y = np.arange(c["out_h"])
    fresh = np.where(y > 0, max(w["rows"] - w["step"], 0), 0)
    first = np.maximum(y * w["step"] - w["top"] + fresh, 0)
    return _lag((y + 1) * row, first * w["in_pitch"], rereads=False)


def _winograd(c: dict[str, Any]) -> int:
    """Steps are tiles, a few abreast: inputs are transformed, then outputs written."""
    tile = np.arange(c["total"])
    tile = tile[: -(-c["total"] // c["tiles"]) * c["tiles"]]
    across = c["mac_w"] // 2
    y, x = tile // across, tile % across
    starts = 2 * y * c["pitch"] + 2 * x * c["depth"]
    size = 1 if c["pooled"] else 2
    width = across * size
    ends = ((size * y + size - 1) * width + size * (x + 1)) * c["out_c"]
    passes = np.arange(0, c["total"], c["tiles"])
    ends = np.maximum.reduceat(ends, passes)
    return _lag(ends, np.minimum.reduceat(starts, passes), rereads=False)


def _winograd4(c: dict[str, Any]) -> int:
    """Steps are tiles of 4x4, a few abreast in a row."""
    y = np.arange(0, c["mac_h"], 4)[:, None]
    x = np.arange(0, c["mac_w"], 4 * c["tiles"])
    size = 4 // c["across"]
    last_row = (y + 4) // size - 1
    last_column = (x + 4 * c["tiles"]) // size
    ends = last_row * c["out_pitch"] + last_column * c["out_c"]
    return _lag(ends, y * c["pitch"] + x * c["depth"], rereads=False)


def _band(c: dict[str, Any]) -> int:
    """Steps are bands: rows are summed into the band, then pooled rows written."""
    step = np.arange(c["steps"])
    done = (step + 1) * c["cells"] - 1  # rows of the output behind a step
    done[-1] = c["out_h"]
    return _lag(done * c["out_w"] * c["out_c"], step * c["move"], rereads=False)


def _elementwise(stage: Stage, shape: tuple[int, int, int], pitch: int) -> int | None:
    """Steps are elements; an operand that is broadcast is read again and again."""
    if shape != stage.out_live:
        return None
    height, width, channels = shape
    row = np.arange(width * channels)
    y = np.arange(height)[:, None]
    return _lag(y * len(row) + row + 1, y * pitch + row, rereads=False)


def _pool(c: dict[str, Any]) -> int:
    """Steps are outputs: each channel of a position reads its own bytes."""
    y = np.arange(c["out_h"])[:, None, None]
    x = np.arange(c["out_w"])[:, None]
    channel = np.arange(c["out_c"])
    top = np.maximum(y * c["stride_h"] - c["top"], 0)
    left = np.maximum(x * c["stride_w"] - c["left"], 0)
    starts = top * c["pitches"][0] + left * c["out_c"] + channel
    ends = (y * c["out_w"] + x) * c["out_c"] + channel + 1
    return _lag(ends, starts, rereads=False)
