"""A .tflite written by hand, operator by operator: for drawn networks and tests.

Direct flatbuffers are far quicker than a converter, and reach scales, zero points
and weights that no converter would choose.
"""

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from export.graph.flatbuffer import operator_code, packed

TYPES = {
    "int8": schema.TensorType.INT8,
    "int32": schema.TensorType.INT32,
    "uint8": schema.TensorType.UINT8,
    "int16": schema.TensorType.INT16,
    "int64": schema.TensorType.INT64,
    "float16": schema.TensorType.FLOAT16,
    "float32": schema.TensorType.FLOAT32,
}
OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "MUL": "MulOptions",
    "CONCATENATION": "ConcatenationOptions",
    "RESHAPE": "ReshapeOptions",
    "PAD": "PadOptions",
    "MEAN": "ReducerOptions",
    "SOFTMAX": "SoftmaxOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "QUANTIZE": "QuantizeOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "SUB": "SubOptions",
    "DIV": "DivOptions",
    "SUM": "ReducerOptions",
    "REDUCE_MAX": "ReducerOptions",
    "REDUCE_MIN": "ReducerOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SHAPE": "ShapeOptions",
    "ARG_MAX": "ArgMaxOptions",
    "PACK": "PackOptions",
    "UNPACK": "UnpackOptions",
    "SPLIT": "SplitOptions",
    "GATHER": "GatherOptions",
    "MIRROR_PAD": "MirrorPadOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SPACE_TO_DEPTH": "SpaceToDepthOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "BATCH_MATMUL": "BatchMatMulOptions",
    "SVDF": "SVDFOptions",
    "LOG_SOFTMAX": "LogSoftmaxOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "GELU": "GeluOptions",
    "SQUARED_DIFFERENCE": "SquaredDifferenceOptions",
}


class TfliteBuilder:
    """Collects tensors and operators, then serialises them."""

    def __init__(self) -> None:
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.buffers = [schema.BufferT()]
        self.kinds: list[str] = []

    def tensor(
        self,
        shape: tuple[int, ...],
        scale: Any = None,
        zero_point: Any = 0,
        data: np.ndarray | None = None,
        dtype: str = "int8",
        axis: int = 0,
        variable: bool = False,
        signature: tuple[int, ...] | None = None,
    ) -> int:
        """Add a tensor; `scale` may be a sequence (per channel along `axis`)."""
        t = schema.TensorT()
        t.name = f"t{len(self.graph.tensors)}"
        t.shape = np.array(shape, np.int32)
        t.type, t.isVariable = TYPES[dtype], variable
        if signature is not None:
            t.shapeSignature = np.array(signature, np.int32)
        if scale is not None:
            q = schema.QuantizationParametersT()
            q.scale = np.atleast_1d(np.asarray(scale, np.float32))
            q.zeroPoint = np.broadcast_to(zero_point, q.scale.shape).astype(np.int64)
            q.quantizedDimension = axis
            t.quantization = q
        if data is not None:
            buffer = schema.BufferT()
            raw = np.ascontiguousarray(data, dtype).tobytes()
            buffer.data = np.frombuffer(raw, np.uint8)
            t.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.graph.tensors.append(t)
        return len(self.graph.tensors) - 1

    def operator(
        self, kind: str, inputs: list[int], output: int | list[int], **options: Any
    ) -> None:
        """Add an operator; `options` are the schema's field names."""
        op = schema.OperatorT()
        if kind not in self.kinds:
            self.kinds.append(kind)
        op.opcodeIndex = self.kinds.index(kind)
        op.inputs = np.array(inputs, np.int32)
        op.outputs = np.atleast_1d(np.array(output, np.int32))
        if kind in OPTIONS:
            name = OPTIONS[kind]
            op.builtinOptionsType = getattr(schema.BuiltinOptions, name)
            op.builtinOptions = getattr(schema, name + "T")()
            for key, value in options.items():
                assert hasattr(op.builtinOptions, key), f"{kind} has no {key}"
                setattr(op.builtinOptions, key, value)
        self.graph.operators.append(op)

    def build(self, inputs: list[int], outputs: list[int]) -> bytes:
        """The file's bytes."""
        self.graph.inputs = np.array(inputs, np.int32)
        self.graph.outputs = np.array(outputs, np.int32)
        model = schema.ModelT()
        model.version, model.description = 3, "test"
        model.subgraphs, model.buffers = [self.graph], self.buffers
        model.operatorCodes = [operator_code(kind) for kind in self.kinds]
        return packed(model)
