"""Scales for which TFLite Micro's own arithmetic is defined, operator by operator.

Beyond them it shifts by more bits than there are, or divides by zero: there is no
right result that a generated one could equal.
"""

import math

import numpy as np

from export.arithmetic import elementwise, int8, matrix, recurrent, unary
from export.frontend import scales_int16
from export.graph.attributes import Attributes, Leaky, Lstm, Softmax
from export.graph.kinds import LSTM, MAC_KINDS, UNARY_KINDS
from export.graph.network import Network, Operator
from export.graph.shapes import fitting

HINT = "its scales are out of proportion: check the calibration data"
LARGEST_SHIFT = 30  # to the left, of an int32
CURVE_SCALE = 2.0**-27  # LOGISTIC, TANH: below it TFLite Micro shifts by less than none
CURVE_MOST = 2.0**35  # and from here on by more bits than 64
LARGE_SUMS = (
    "its gates' sums leave 32 bits: divide the model's inputs, so that they are near 1"
)
CELL_POWER = 2  # an LSTM's cell: above it TFLite Micro leaves int32
BOUNDS = {"RELU6": 6, "RELU_N1_TO_1": 1}


def out_of_proportion(network: Network, op: Operator) -> str | None:
    """What is wrong with an operator's scales; None where nothing is."""
    try:
        if network.engine == "int16":
            return _common(network, op) or scales_int16.wrong(network, op)
        found = _special(network, op)
        if found is None and max(_shifts(network, op), default=0) > LARGEST_SHIFT:
            found = f"a factor above 2^{LARGEST_SHIFT}"
        if found is None and op.kind in UNARY_KINDS:
            unary.table(network, op)
        return found
    except (OverflowError, ValueError, ZeroDivisionError):
        return "its scales are too far from each other"


def _slope(a: Attributes) -> float:
    """What an operator multiplies its input by, where it says so itself."""
    if isinstance(a, Softmax):
        return a.beta
    return a.alpha if isinstance(a, Leaky) else 1.0


def _common(network: Network, op: Operator) -> str | None:
    """What is wrong for values of 8 and of 16 bits alike."""
    source, out = network.tensors[op.inputs[0]], network.output(op)
    slope = _slope(op.attributes)
    if not math.isfinite(slope):
        return f"a slope of {slope}"
    bound = BOUNDS.get(op.kind, BOUNDS.get(op.attributes.activation, 0))
    if bound / float(out.scale) >= 1 << 31:
        return f"its output scale {out.scale:g} is too small for its activation"
    if op.kind == "RELU6":
        if (source.scale, source.zero_point) != (out.scale, out.zero_point):
            return "input and output differ in scale"
    return None


def _special(network: Network, op: Operator) -> str | None:
    source, out = network.tensors[op.inputs[0]], network.output(op)
    found = _common(network, op)
    if found is not None:
        return found
    slope = _slope(op.attributes)
    if op.kind in ("ADD", "SUB"):
        largest = max(float(network.tensors[i].scale) for i in op.inputs[:2])
        if 2 * largest / (2**int8.ADD_LEFT_SHIFT * float(out.scale)) >= 1:
            return "its output scale is too small"
    if op.kind == "DIV" and not elementwise.div_is_defined(network, op):
        return "some quotients are too far below its output scale"
    if op.kind in ("SOFTMAX", "LOG_SOFTMAX"):
        if slope * float(source.scale) * 2.0**26 <= 1:
            return "its input scale is too small"
    if op.kind == LSTM:
        power = recurrent.cell_power(network.tensors[op.inputs[2]])
        if not -30 <= power <= CELL_POWER:
            return f"its cell's scale is 2^{power}"
        if not math.isfinite(op.told(Lstm).cell_clip):
            return "its cell's clip is not finite"
        fits = fitting(network, op)
        if fits and not recurrent.is_defined(recurrent.lstm(network, op)):
            return LARGE_SUMS
    if op.kind in ("LOGISTIC", "TANH") and float(source.scale) < CURVE_SCALE:
        return "its input scale is too small"
    if op.kind in ("LOGISTIC", "TANH") and float(source.scale) >= CURVE_MOST:
        return "its input scale is too large"
    if op.kind == "HARD_SWISH" and unary.hard_swish_shift(source, out) > 0:
        return "its output scale is too small"
    return None


def _shifts(network: Network, op: Operator) -> list[int]:
    """To the left, in each scaling of the operator."""
    source, out = network.tensors[op.inputs[0]], network.output(op)
    if op.kind in (*MAC_KINDS, "TRANSPOSE_CONV"):
        return [int(np.max(int8.channel_multipliers(network, op)[1]))]
    if op.kind == "MUL":
        return [int8.mul_constant(network, op)[1]]
    if op.kind == "DIV":
        return [elementwise.div_constant(network, op)[1]]
    if op.kind == "SQUARED_DIFFERENCE":
        return [elementwise.squared_constants(network, op).output[1]]
    if op.kind == "PRELU":
        return [shift for _, shift in elementwise.prelu_constants(network, op)]
    if op.kind == "BATCH_MATMUL":
        return [matrix.matmul_constant(network, op)[1]]
    if op.kind == LSTM:
        k = recurrent.lstm(network, op)
        scales = [g.input_scale for g in k.gates] + [g.recurrent_scale for g in k.gates]
        return [shift for _, shift in (*scales, k.forget, k.input, k.output)]
    if op.kind == "SVDF":
        svdf = recurrent.svdf(network, op)
        return [svdf.feature_scale[1], svdf.output_scale[1]]
    if op.kind in ("REDUCE_SUM", "REDUCE_MEAN"):
        return [matrix.reduction_constant(network, op)[1]]
    if op.kind in ("LEAKY_RELU", "RELU", "QUANTIZE", "MEAN", "ABS"):
        return [int8.multiplier(float(source.scale) / float(out.scale))[1]]
    return []
