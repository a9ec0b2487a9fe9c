"""What an operator of a loop gives for constants, by TensorFlow Lite itself.

    known = computed(model, op, inputs, targets)    # one a target

So a loop's counters, masks and widened weights are right by construction.
"""

import copy
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.frontend.loops.rows import Inputs, Known
from export.frontend.tensorflow import silent
from export.graph.flatbuffer import packed, stored
from export.graph.options import kind_of
from export.graph.read import DTYPES

TYPES = {np.dtype(name): number for number, name in DTYPES.items()}


def constant(model: Any, known: Known) -> Any:
    """A tensor of a buffer that the model gains."""
    data, tensor = known.data, schema.TensorT()
    tensor.buffer, tensor.shape = stored(model, data), np.array(data.shape, np.int32)
    tensor.quantization = known.quant
    tensor.type, tensor.name = TYPES[data.dtype], b"constant;%d" % tensor.buffer
    return tensor


def computed(model: Any, op: Any, inputs: Inputs, targets: list[Any]) -> list[Known]:
    """The results of one of the model's operators, all of whose inputs are known."""
    code = model.operatorCodes[op.opcodeIndex]
    if kind_of(code) == "FILL":  # where it wants a scale of its own
        shape, one = (value.data for value in inputs if isinstance(value, Known))
        return [Known(np.full(shape, one), targets[0].quantization)]
    alone, graph, run = schema.ModelT(), schema.SubGraphT(), copy.copy(op)
    alone.version, alone.subgraphs, alone.buffers = 3, [graph], [schema.BufferT()]
    alone.operatorCodes = [code]
    graph.tensors, graph.operators, run.opcodeIndex = [], [run], 0
    reads = []
    for value in inputs:
        reads.append(-1 if value is None else len(graph.tensors))
        if isinstance(value, Known):
            graph.tensors.append(constant(alone, value))
    writes = [len(graph.tensors) + i for i in range(len(targets))]
    for tensor in targets:
        target = copy.copy(tensor)
        target.buffer = 0
        graph.tensors.append(target)
    run.inputs, run.outputs = np.array(reads, np.int32), np.array(writes, np.int32)
    graph.inputs, graph.outputs = np.array([], np.int32), run.outputs
    pairs = zip(_ran(packed(alone), writes), targets, strict=True)
    return [Known(data, target.quantization) for data, target in pairs]


def _ran(raw: bytes, targets: list[int]) -> list[np.ndarray]:
    """Some tensors of a model without inputs, when it has run."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    resolver = OpResolverType.BUILTIN_REF
    with silent():
        interpreter = Interpreter(
            model_content=raw, num_threads=1, experimental_op_resolver_type=resolver
        )
        interpreter.allocate_tensors()
        interpreter.invoke()
    return [interpreter.get_tensor(index).copy() for index in targets]
