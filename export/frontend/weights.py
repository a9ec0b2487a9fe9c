"""What the constants of sums and of recurrent layers must be for the engine.

    require(network, op)    # Esp8kError for the first that does not fit

What flows between operators is `export.frontend.support`'s affair.
"""

import math

import numpy as np

from export.frontend.refusal import QUANTIZE_HINT, refuse
from export.graph.kinds import LSTM, MAC_KINDS
from export.graph.network import Network, Operator, Quant, Tensor
from export.graph.shapes import RANK


def require(network: Network, op: Operator) -> None:
    """Raise one Esp8kError; an operator without such constants is let by."""
    if op.kind in MAC_KINDS:
        _require_sum(network, op)
    elif op.kind == "TRANSPOSE_CONV":
        _require_transposed(network, op)
    elif op.kind in (LSTM, "SVDF"):
        _require_recurrent(network, op)


def _require_sum(network: Network, op: Operator) -> None:
    source = network.tensors[op.inputs[0]]
    types = ("int8", "int16") if op.attributes.unsigned else ("int8",)
    weights, quant = _filters(network, op, types)
    if len(weights.shape) != RANK[op.kind] or min(weights.shape) < 1:
        what = f"weights of shape {weights.shape}"
        raise refuse(network, op, what)
    axis = -1 if op.kind == "DEPTHWISE_CONV_2D" else 0
    _require_scales(network, op, quant, weights.shape[axis])
    _require_bias(network, op, weights.shape[axis])
    if op.kind == "CONV_2D" and weights.shape[3] != source.shape[3]:
        groups = source.shape[3] // weights.shape[3]
        hint = "use one group, or as many as channels (depthwise)"
        raise refuse(network, op, f"{groups} groups", hint)
    if op.kind == "FULLY_CONNECTED" and weights.shape[1] != source.size:
        hint = "flatten to one row before it"
        raise refuse(network, op, f"applied to the shape {source.shape}", hint)


def _require_transposed(network: Network, op: Operator) -> None:
    weights, quant = _filters(network, op, ("int8",))
    _require_scales(network, op, quant, weights.shape[0])
    _require_bias(network, op, weights.shape[0])


def _filters(
    network: Network, op: Operator, types: tuple[str, ...]
) -> tuple[Tensor, Quant]:
    """The second input: constant, of one of the types, with its scales."""
    weights = network.tensors[op.inputs[1]]
    if weights.data is None or weights.dtype not in types or weights.quant is None:
        hint = "constant int8 weights are needed"
        raise refuse(network, op, f"weights {weights.name} are not int8", hint)
    return weights, weights.quant


def _require_scales(network: Network, op: Operator, quant: Quant, count: int) -> None:
    """One scale, or one for each of `count` channels, and no zero point."""
    if not np.all((quant.scale > 0) & (quant.scale < math.inf)):
        raise refuse(network, op, "a scale of zero", QUANTIZE_HINT)
    if np.any(quant.zero_point):
        raise refuse(network, op, "weights have a zero point", QUANTIZE_HINT)
    if len(quant.scale) not in (1, count):
        raise refuse(network, op, "a scale per group", "one a channel, or one")


def _require_bias(network: Network, op: Operator, count: int) -> None:
    """The third input, where there is one: `count` constants of a type that is read."""
    bias, types = network.input(op, 2), _bias_types(network, op)
    if bias is None:
        return
    if bias.data is None or bias.dtype not in types:
        what = f"bias {bias.name} is not {' or '.join(types)}"
        raise refuse(network, op, what, QUANTIZE_HINT)
    if bias.size != count:
        raise refuse(network, op, "bias of another size")


def _bias_types(network: Network, op: Operator) -> tuple[str, ...]:
    """Those that TFLite Micro reads."""
    if network.engine == "int8":
        return ("int32",)
    return ("int64",) if op.kind == "DEPTHWISE_CONV_2D" else ("int32", "int64")


def _require_recurrent(network: Network, op: Operator) -> None:
    """Constants of LSTM and SVDF: behind the input and the states."""
    lstm = op.kind == LSTM
    states = 2 if lstm else 1
    constants = [network.tensors[i] for i in op.inputs[1 + states :] if i >= 0]
    types = ["int8"] * 8 + ["int32"] * 4 if lstm else ["int8", "int8", "int32"]
    if not lstm and len(constants) > 1 and constants[1].dtype == "int16":
        types[1] = "int16"  # as the state has it, or not
    if lstm and network.tensors[op.inputs[2]].dtype != "int16":
        raise refuse(network, op, "its cell is not int16", QUANTIZE_HINT)
    if lstm and network.tensors[op.inputs[1]].dtype != "int8":
        raise refuse(network, op, "its hidden state is not int8", QUANTIZE_HINT)
    for tensor, dtype in zip(constants, types, strict=False):
        if tensor.data is None or tensor.dtype != dtype:
            what = f"{tensor.name} is {tensor.dtype}, not constant {dtype}"
            raise refuse(network, op, what, QUANTIZE_HINT)
        if dtype != "int32" and not _is_symmetric(tensor):
            what = f"{tensor.name} has no scale, several, or a zero point"
            raise refuse(network, op, what, QUANTIZE_HINT)


def _is_symmetric(tensor: Tensor) -> bool:
    """Whether it has one scale, and its zero is 0."""
    return tensor.is_per_tensor and tensor.zero_point == 0
