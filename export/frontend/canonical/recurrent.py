"""Operators that keep a state of their own: its tensors become variables.

UNIDIRECTIONAL_SEQUENCE_LSTM and SVDF change tensors that the file marks as variable.
Here these are variables of the network that the operator itself writes, in place.
What the operators have beyond what TFLite Micro takes is refused and named.
"""

import numpy as np

from export.frontend.canonical.rewriter import Rewriter
from export.frontend.refusal import refuse
from export.graph.attributes import Lstm, Svdf
from export.graph.network import Operator, Tensor, Variable

PLAIN = (
    "use a plain LSTM: no peepholes, projection or normalization; or "
    "keras.layers.LSTM(..., unroll=True)"
)
# In the file: where the four gates' constants are, in the order of recurrent.GATES.
WEIGHTS, RECURRENT, BIAS = (2, 1, 3, 4), (6, 5, 7, 8), (13, 12, 14, 15)
VARIANTS = (*range(9, 12), *range(16, 18), *range(20, 24))
HIDDEN, CELL = 18, 19
SVDF_STATE = 4


def lstm(r: Rewriter, op: Operator) -> None:
    """Input, hidden, cell, then weights, recurrent weights and biases by gate."""
    inputs = (*op.inputs, *(-1,) * (24 - len(op.inputs)))
    needed = (0, *WEIGHTS, *RECURRENT, *BIAS, HIDDEN, CELL)
    if min(inputs[i] for i in needed) < 0:
        raise refuse(r.network, op, "it has no input gate, or no state", PLAIN)
    if max(inputs[i] for i in VARIANTS) >= 0:
        raise refuse(r.network, op, "peepholes, a projection or a normalization", PLAIN)
    told = op.told(Lstm)
    if told.activation != "TANH":
        raise refuse(r.network, op, f"activation {told.activation}", "use tanh")
    source = r.tensors[inputs[0]]
    units = r.tensors[inputs[RECURRENT[0]]].shape[-1]
    steps, rest = divmod(source.size, max(source.shape[-1], 1))
    target = r.tensors[op.outputs[0]]
    if rest or target.size != steps * units:
        raise refuse(r.network, op, "its output does not follow from its input")
    held = _zeros if r.network.anew else _variable
    hidden = held(r, op, inputs[HIDDEN], (1, units))
    cell = held(r, op, inputs[CELL], (1, units))
    constants = (inputs[i] for i in (*WEIGHTS, *RECURRENT, *BIAS))
    given = r.reshaped(inputs[0], (1, steps, source.shape[-1]))
    shape = (1, steps, units)
    r.deliver(
        op.kind,
        (given, hidden, cell, *constants),
        shape,
        op.outputs[0],
        Lstm(cell_clip=told.cell_clip),
    )


def svdf(r: Rewriter, op: Operator) -> None:
    """Input, state, feature weights, time weights, bias."""
    if len(op.inputs) < 5 or min(op.inputs[i] for i in (0, 1, 2, SVDF_STATE)) < 0:
        raise refuse(r.network, op, "inputs are missing")
    feature, time = r.tensor(op, 1), r.tensor(op, 2)
    rank, target = op.told(Svdf).rank, r.tensors[op.outputs[0]]
    two = len(feature.shape) == len(time.shape) == 2
    if not two or feature.shape[0] != time.shape[0] or rank < 1:
        raise refuse(r.network, op, "its weights do not fit each other")
    if feature.shape[0] != rank * target.size or time.shape[1] < 1:
        raise refuse(r.network, op, "its output does not follow from its weights")
    state = _variable(r, op, op.inputs[SVDF_STATE], (1, *time.shape))
    given = r.reshaped(op.inputs[0], (1, r.tensor(op, 0).size))
    inputs = (given, state, op.inputs[1], op.inputs[2], op.inputs[3])
    r.deliver(op.kind, inputs, (1, target.size), op.outputs[0], Svdf(rank=rank))


def _variable(r: Rewriter, op: Operator, index: int, shape: tuple[int, ...]) -> int:
    """The state of one input; of a batch of N the one of one input."""
    tensor = _state(r, op, index)
    size = int(np.prod(shape))
    written = any(index in o.outputs for o in r.network.operators)
    if tensor.data is not None or written or index in r.network.inputs:
        raise refuse(r.network, op, f"its state {tensor.name} is none")
    if any(v.read == index for v in r.variables) or tensor.size % size:
        what = f"its state {tensor.name} is another's, or of another size"
        raise refuse(r.network, op, what)
    name = tensor.name or str(index)
    r.tensors[index] = _shaped(tensor, shape)
    r.variables.append(Variable(name, index, index, _empty(tensor, (size,))))
    return index


def _zeros(r: Rewriter, op: Operator, index: int, shape: tuple[int, ...]) -> int:
    """A constant in place of a state: what every call begins with."""
    tensor = _state(r, op, index)
    return r.constant(_empty(tensor, shape), tensor)


def _state(r: Rewriter, op: Operator, index: int) -> Tensor:
    """The tensor of a state, of one scale."""
    tensor = r.tensors[index]
    if tensor.dtype not in ("int8", "int16") or not tensor.is_per_tensor:
        what = f"its state {tensor.name} is {tensor.dtype}, not int8 or int16"
        raise refuse(r.network, op, what, "convert with full integer quantization")
    return tensor


def _empty(tensor: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """What stands for 0.0; the zero point of int16 is 0."""
    first = tensor.zero_point if tensor.dtype == "int8" else 0
    return np.full(shape, first, np.dtype(tensor.dtype))


def _shaped(tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    return Tensor(tensor.index, tensor.name, shape, tensor.dtype, tensor.quant, None)
