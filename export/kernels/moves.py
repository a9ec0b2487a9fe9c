"""CONCATENATION and PAD for the int8 engine: bytes that only move."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import Esp8kError
from export.graph.fusion import Stage, hwc
from export.graph.network import Network
from export.kernels.arrays import Array, byte_array
from export.kernels.int8 import stored


@dataclass(frozen=True)
class Making:
    """A stage without weights while it is made; context and arrays are filled."""

    network: Network
    stage: Stage
    stem: str  # of the names of its constants
    context: dict[str, Any]  # the template's variables
    arrays: list[Array]
    values: np.ndarray | None  # the table of the activations behind it


def concatenation(m: Making) -> None:
    op = m.stage.head
    out = m.network.output(op)
    axis = {4: (None, 0, 1, 2), 3: (None, 0, 2), 2: (None, 2)}[len(out.shape)][
        op.attributes["axis"]
    ]
    if axis is None:
        raise Esp8kError(f"CONCATENATION of batches (tensor {out.name})", "axis 1 to 3")
    height, width, channels = m.stage.out_live
    parts: list[dict[str, Any]] = []
    at, start = 0, [0, 0, 0]
    for index in op.inputs:
        tensor = m.network.tensors[index]
        shape = hwc(tensor.shape)
        if tensor.data is None:
            source, pitch = f"in{at}", m.context["pitches"][at]
            at += 1
        else:
            source = f"{m.stem}_part{len(parts)}"
            data = tensor.data.reshape(-1).astype(np.int64) + 128
            what = f"{m.stage.name}: constant part"
            m.arrays.append(byte_array(source, what, data, "uint8_t"))
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
    m.context["parts"] = parts
    read = {part["source"] for part in parts}
    m.context["unread"] = [name for name in m.context["inputs"] if name not in read]
    m.context["store"] = stored("{u}", m.context["table"], m.context["last"])


def pad(m: Making) -> None:
    op = m.stage.head
    source = m.network.tensors[op.inputs[0]]
    if len(source.shape) != 4 or op.attributes["paddings"][0] != (0, 0):
        raise Esp8kError("PAD of other than (N, H, W, C)", "pad height, width, channel")
    (top, _), (left, _), (before, _) = op.attributes["paddings"][1:]
    in_h, in_w, depth = hwc(source.shape)
    height, width, channels = m.stage.out_live
    m.context.update(
        kind="PAD",
        rows=max(min(in_h, height - top), 0),
        columns=max(min(in_w, width - left), 0),
        depth=depth,
        start=(top * width + left) * channels + before,
        fill=stored(
            str(m.network.output(op).zero_point + 128),
            m.context["table"],
            m.context["last"],
        ),
        store=stored("{u}", m.context["table"], m.context["last"]),
    )
