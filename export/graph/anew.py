"""A file's mark that its LSTMs begin anew in each call.

In TensorFlow Lite the state of an LSTM goes on from call to call. A layer of Keras or
of ONNX begins with zeros each time, so a file that was made of one says so: in its
metadata, which no interpreter reads.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import packed, stored, unpacked

MARK = "esp8k.anew"


def marked(raw: bytes) -> bytes:
    """The same file with the mark."""
    model = unpacked(raw)
    if is_marked(model):
        return raw
    entry = schema.MetadataT()
    entry.name, entry.buffer = MARK, stored(model, np.ones(1, np.uint8))
    model.metadata = [*(model.metadata or []), entry]
    return packed(model)


def begins_anew(raw: bytes) -> bool:
    """Whether a file has the mark."""
    return is_marked(unpacked(raw))


def is_marked(model: Any) -> bool:
    """Whether a ModelT has it."""
    return any(entry.name == MARK.encode() for entry in model.metadata or [])
