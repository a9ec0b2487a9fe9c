"""A network of uint8, as TensorFlow 1 quantized, as one of int8 with uint8 ends.

Values and their zero points are those less 128: not one sum changes. Weights have a
zero point of their own there, and less it reach from -255 to 255: where they do not fit
int8 they are int16 from here on. What TensorFlow Lite's uint8 kernels round otherwise
than its int8 ones is told in the attributes.
"""

import dataclasses

import numpy as np

from export.frontend.canonical.ends import shifted
from export.frontend.canonical.rewriter import Rewriter
from export.frontend.refusal import refuse
from export.graph.kinds import MAC_KINDS, QUANTIZE_KINDS
from export.graph.network import Network, Operator, Quant, Tensor

# Whose uint8 kernel sums and rounds as the int8 one does, but for what is told.
TAKEN = (
    *MAC_KINDS,
    *QUANTIZE_KINDS,
    "ADD",
    "AVERAGE_POOL_2D",
    "CONCATENATION",
    "LEAKY_RELU",
    "LOGISTIC",
    "MAX_POOL_2D",
    "MEAN",
    "MUL",
    "PAD",
    "RELU",
    "RELU6",
    "RESHAPE",
    "RESIZE_NEAREST_NEIGHBOR",
    "SOFTMAX",
    "SQUEEZE",
    "STRIDED_SLICE",
    "SUB",
    "TANH",
    "TRANSPOSE",
)
HINT = "give --calibration with some hundred typical inputs: it is quantized anew"


def is_unsigned(network: Network) -> bool:
    """Whether it computes with values of uint8."""
    return any(
        _is_byte(network.tensors[i])
        for op in network.operators
        if op.kind not in QUANTIZE_KINDS
        for i in op.outputs
    )


def signed(network: Network) -> Network:
    """The same function of int8; a network of no uint8 comes back as it is."""
    if not is_unsigned(network):
        return network
    r = Rewriter(network)
    starts, stops = dict.fromkeys(network.inputs), dict.fromkeys(network.outputs)
    inner = {}  # the int8 value of each uint8 end
    for tensor in network.tensors:
        if _is_byte(tensor) and tensor.index in starts | stops:
            inner[tensor.index] = r.value(tensor.shape, shifted(tensor))
        elif _is_byte(tensor):
            r.tensors[tensor.index] = shifted(tensor)
    for index in starts:
        if index in inner:
            r.emit("QUANTIZE", (index,), inner[index])
    for op in network.operators:
        inputs = tuple(inner.get(i, i) for i in op.inputs)
        if op.kind not in TAKEN:
            raise refuse(network, op, "of uint8 it is not taken as it is", HINT)
        if op.kind in MAC_KINDS:
            inputs = (inputs[0], _weights(r, network, op), *inputs[2:])
        outputs = tuple(inner.get(i, i) for i in op.outputs)
        a = dataclasses.replace(op.attributes, unsigned=True)
        r.keep(dataclasses.replace(op, inputs=inputs, outputs=outputs, attributes=a))
    for index in stops:
        if index in inner and index not in starts:
            r.emit("QUANTIZE", (inner[index],), index)
    return r.finished()


def _is_byte(tensor: Tensor) -> bool:
    return tensor.dtype == "uint8" and tensor.quant is not None


def _weights(r: Rewriter, network: Network, op: Operator) -> int:
    """The weights less their zero point, as a new constant without one."""
    tensor = network.input(op, 1)
    if tensor is None or tensor.data is None or not _is_byte(tensor):
        raise refuse(network, op, "its weights are no constant of uint8", HINT)
    q = tensor.quant
    assert q is not None
    if len(q.scale) != 1 or not 0 <= tensor.zero_point <= 255:
        what = "its weights have a scale per channel, or no valid zero point"
        raise refuse(network, op, what, HINT)
    centred = tensor.data.astype(np.int16) - np.int16(tensor.zero_point)
    if -128 <= centred.min(initial=0) and centred.max(initial=0) <= 127:
        centred = centred.astype(np.int8)
    like = dataclasses.replace(tensor, quant=Quant(q.scale, 0 * q.zero_point, q.axis))
    return r.constant(centred, like)
