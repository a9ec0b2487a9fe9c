"""TensorFlow Lite's reference kernels: the oracle of what TFLite Micro gave up, uint8.

    found = lite.sequence(model, inputs, 1)    # as export.reference.tflm has it

The kernels that TensorFlow Lite takes where nobody asks for others round otherwise:
those of XNNPACK. So does its own FULLY_CONNECTED by now: in 2.21 it scales a sum in
floating point, where up to 2.14, and in TFLite Micro, it rounds twice, as a convolution
still does. So it is asked for the convolution of 1x1 that has the same weights.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import operator_code, packed, stored, unpacked
from export.graph.options import kind_of

NAME = "TensorFlow Lite's reference kernels"


def sequence(model: bytes, inputs: list[np.ndarray], outputs: int) -> list[np.ndarray]:
    """All outputs, (N, elements) each, of N calls; `inputs`: (N, ...), a batch of 1.

    RuntimeError or ValueError where TensorFlow Lite cannot run the model.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    runner = Interpreter(
        model_content=convolved(model),
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
    )
    runner.allocate_tensors()
    sources = runner.get_input_details()
    targets = [d["index"] for d in runner.get_output_details()[:outputs]]
    found: list[list[np.ndarray]] = [[] for _ in targets]
    for several in zip(*inputs, strict=True):
        for source, values in zip(sources, several, strict=True):
            runner.set_tensor(source["index"], values.reshape(source["shape"]))
        runner.invoke()
        for rows, target in zip(found, targets, strict=True):
            rows.append(runner.get_tensor(target).reshape(-1).copy())
    return [np.stack(rows) for rows in found]


def convolved(raw: bytes) -> bytes:
    """The model with a RESHAPE, a CONV_2D and a RESHAPE for each FULLY_CONNECTED."""
    model = unpacked(raw)
    graph, operators = model.subgraphs[0], []
    for op in graph.operators:
        if kind_of(model.operatorCodes[op.opcodeIndex]) == "FULLY_CONNECTED":
            operators += _convolution(model, graph, op)
        else:
            operators.append(op)
    graph.operators = operators
    return packed(model)


def _convolution(model: Any, graph: Any, op: Any) -> list[Any]:
    source, weights, *bias = (int(i) for i in op.inputs)
    target = int(op.outputs[0])
    channels, depth = (int(n) for n in graph.tensors[weights].shape)
    rows = int(np.prod(graph.tensors[source].shape)) // depth
    given = _shaped(graph, source, (rows, 1, 1, depth))
    kernel = _shaped(graph, weights, (channels, 1, 1, depth), constant=True)
    made = _shaped(graph, target, (rows, 1, 1, channels))
    options = schema.Conv2DOptionsT()
    options.strideH = options.strideW = 1
    options.padding = schema.Padding.VALID
    options.fusedActivationFunction = op.builtinOptions.fusedActivationFunction
    kind = schema.BuiltinOptions.Conv2DOptions
    conv = _operator(model, "CONV_2D", [given, kernel, *bias], made)
    conv.builtinOptionsType, conv.builtinOptions = kind, options
    return [
        _reshape(model, graph, source, given),
        conv,
        _reshape(model, graph, made, target),
    ]


def _shaped(
    graph: Any, index: int, shape: tuple[int, ...], constant: bool = False
) -> int:
    """A new tensor like another one; of a constant it has the same bytes."""
    other, made = graph.tensors[index], schema.TensorT()
    made.name, made.type = other.name, other.type
    made.quantization, made.shape = other.quantization, np.array(shape, np.int32)
    made.buffer = other.buffer if constant else 0
    graph.tensors.append(made)
    return len(graph.tensors) - 1


def _reshape(model: Any, graph: Any, source: int, target: int) -> Any:
    shape = schema.TensorT()
    values = np.asarray(graph.tensors[target].shape, np.int32)
    shape.name, shape.type = b"shape", schema.TensorType.INT32
    shape.shape, shape.buffer = np.array(values.shape, np.int32), stored(model, values)
    graph.tensors.append(shape)
    return _operator(model, "RESHAPE", [source, len(graph.tensors) - 1], target)


def _operator(model: Any, kind: str, inputs: list[int], output: int) -> Any:
    op = schema.OperatorT()
    op.opcodeIndex = len(model.operatorCodes)
    op.inputs, op.outputs = np.array(inputs, np.int32), np.array([output], np.int32)
    model.operatorCodes.append(operator_code(kind))
    return op
