"""A .tflite's bytes as objects of its schema and back, for what rewrites a file.

    model = unpacked(raw)           # a ModelT: free to change
    raw = packed(model)

`export.graph.read` makes typed values of a file; who writes one needs all of it.
"""

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graph.options import kind_of

IDENTIFIER = b"TFL3"
FIRST_BYTES = 4096  # the builder doubles its memory when it is full
OLDEST_MOST = 127  # what fits the code of files from before there were more operators


def is_tflite(raw: bytes) -> bool:
    """Whether a file says that it is one."""
    return raw[4:8] == IDENTIFIER


def unpacked(raw: bytes) -> Any:
    """The file's ModelT; raises whatever the schema's reader does on damage."""
    return schema.ModelT.InitFromPackedBuf(raw, 0)


def packed(model: Any) -> bytes:
    """The bytes of the file that holds a ModelT."""
    builder = flatbuffers.Builder(FIRST_BYTES)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def stored(model: Any, values: np.ndarray) -> int:
    """The number of a buffer that a ModelT gains, with the bytes of an array."""
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def operator_code(kind: str) -> Any:
    """The OperatorCodeT of a builtin operator."""
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode = min(code.builtinCode, OLDEST_MOST)
    code.version = 1
    return code


def code_number(model: Any, code: Any) -> int:
    """Of an OperatorCodeT, which the model gains where it has none of its kind."""
    kinds = [kind_of(one) for one in model.operatorCodes]
    if kind_of(code) in kinds:
        return kinds.index(kind_of(code))
    model.operatorCodes.append(code)
    return len(kinds)


def operator(model: Any, kind: str, a: Any, inputs: Sequence[int]) -> Any:
    """A builtin OperatorT with its options, or None, and no outputs yet."""
    op = schema.OperatorT()
    op.opcodeIndex = code_number(model, operator_code(kind))
    op.inputs, op.builtinOptions = np.array(inputs, np.int32), a
    if a is not None:
        op.builtinOptionsType = getattr(schema.BuiltinOptions, type(a).__name__[:-1])
    return op


def drop_unused_codes(model: Any) -> None:
    """An interpreter looks for the kernel of every code, used or not."""
    operators = [op for graph in model.subgraphs for op in graph.operators]
    used = sorted({op.opcodeIndex for op in operators})
    model.operatorCodes = [model.operatorCodes[i] for i in used]
    for op in operators:
        op.opcodeIndex = used.index(op.opcodeIndex)
