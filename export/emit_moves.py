"""CONCATENATION and PAD for the int8 engine: bytes that only move."""

from typing import Any

import numpy as np

from export.emit_int8 import Array, byte_array, stored
from export.network import Network
from export.planner import Stage, hwc
from training.errors import Esp8kError


def concatenation(
    network: Network,
    stage: Stage,
    stem: str,
    context: dict[str, Any],
    arrays: list[Array],
    values: np.ndarray | None,
) -> None:
    op = stage.head
    out = network.output(op)
    axis = {4: (None, 0, 1, 2), 3: (None, 0, 2), 2: (None, 2)}[len(out.shape)][
        op.attributes["axis"]
    ]
    if axis is None:
        raise Esp8kError(f"CONCATENATION of batches (tensor {out.name})", "axis 1 to 3")
    height, width, channels = stage.out_live
    parts: list[dict[str, Any]] = []
    at, start = 0, [0, 0, 0]
    for index in op.inputs:
        tensor = network.tensors[index]
        shape = hwc(tensor.shape)
        if tensor.data is None:
            source, pitch = f"in{at}", context["pitches"][at]
            at += 1
        else:
            source = f"{stem}_part{len(parts)}"
            data = tensor.data.reshape(-1).astype(np.int64) + 128
            what = f"{stage.name}: constant part"
            arrays.append(byte_array(source, what, data, "uint8_t"))
            pitch = shape[1] * shape[2]
        rows = min(shape[0], height - start[0])
        columns = min(shape[1], width - start[1])
        if rows > 0 and columns > 0:
            parts.append(
                {
                    "source": source,
                    "rows": rows,
                    "columns": columns,
                    "depth": shape[2],
                    "pitch": pitch,
                    "start": (start[0] * width + start[1]) * channels + start[2],
                }
            )
        start[axis] += shape[axis]
    context["parts"] = parts
    read = {part["source"] for part in parts}
    context["unread"] = [name for name in context["inputs"] if name not in read]
    context["store"] = stored("{u}", context["table"], context["last"])


def pad(
    network: Network,
    stage: Stage,
    stem: str,
    context: dict[str, Any],
    arrays: list[Array],
    values: np.ndarray | None,
) -> None:
    op = stage.head
    source = network.tensors[op.inputs[0]]
    if len(source.shape) != 4 or op.attributes["paddings"][0] != (0, 0):
        raise Esp8kError("PAD of other than (N, H, W, C)", "pad height, width, channel")
    (top, _), (left, _), (before, _) = op.attributes["paddings"][1:]
    in_h, in_w, depth = hwc(source.shape)
    height, width, channels = stage.out_live
    context.update(
        kind="PAD",
        rows=max(min(in_h, height - top), 0),
        columns=max(min(in_w, width - left), 0),
        depth=depth,
        start=(top * width + left) * channels + before,
        fill=stored(
            str(network.output(op).zero_point + 128), context["table"], context["last"]
        ),
        store=stored("{u}", context["table"], context["last"]),
    )
