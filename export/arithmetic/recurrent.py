"""LSTM and SVDF as TFLite Micro computes them: constants, curves of 16 bits, one step.

`lstm_step` and `svdf_step` are what one call does to a state; the reference runs them,
`export.kernels.int8.lstm` and `svdf` write the same as C. Gates are Q3.12 before and
Q0.15 behind their curve (`export.arithmetic.curves`); the cell is int16, its scale a
power of two.
"""

import math
from dataclasses import dataclass

import numpy as np

from export.arithmetic.curves import clamp16, sigmoid16, tanh16
from export.arithmetic.fixedpoint import INT32_MAX
from export.arithmetic.int8 import INT16_MAX, clamp, multiplier, requantize
from export.arithmetic.int8 import wrap as wrapped
from export.graph import attributes
from export.graph.network import Network, Operator, Tensor

Scale = tuple[int, int]  # mantissa, shift
GATES = ("forget", "input", "cell", "output")  # in the order in which C has them
GATE_SCALE = 2.0**-12  # of a gate before its curve
CURVE_SCALE = 2.0**-15  # behind it


# ==== LSTM ====


@dataclass(frozen=True, eq=False)
class Gate:
    """One of the four: what it sums, and how both sums are scaled."""

    weights: np.ndarray  # int64 (S, I), of the input
    recurrent: np.ndarray  # int64 (S, S), of the hidden state
    bias: np.ndarray  # int64 (S,)
    input_scale: Scale
    recurrent_scale: Scale


@dataclass(frozen=True, eq=False)
class Lstm:
    """All constants of a UNIDIRECTIONAL_SEQUENCE_LSTM."""

    gates: tuple[Gate, ...]  # in the order of GATES
    input_zero: int
    hidden_zero: int
    forget: Scale  # forget gate times old cell
    input: Scale  # input gate times cell gate
    output: Scale  # output gate times tanh of the cell
    clip: int  # of the cell; 0 where it is not clipped
    tanh_factor: int  # the cell times this, over 2^shift, is tanh16's argument
    tanh_shift: int

    @property
    def sizes(self) -> tuple[int, int]:
        """(units, inputs)"""
        units, inputs = self.gates[0].weights.shape
        return int(units), int(inputs)


@dataclass(frozen=True)
class Places:
    """Where a canonical LSTM has its inputs."""

    source: int = 0
    hidden: int = 1
    cell: int = 2
    weights: int = 3  # four, in the order of GATES
    recurrent: int = 7
    bias: int = 11


LSTM = Places()


def cell_power(cell: Tensor) -> int:
    """The cell's scale as a power of two."""
    return round(math.log2(float(cell.scale)))


def lstm(network: Network, op: Operator) -> Lstm:
    """The constants of a canonical LSTM."""
    tensors = [network.tensors[i] for i in op.inputs]
    source, hidden, cell = tensors[:3]
    gates = tuple(
        Gate(
            _whole(tensors[LSTM.weights + g]),
            _whole(tensors[LSTM.recurrent + g]),
            _whole(tensors[LSTM.bias + g]).reshape(-1),
            _gate_scale(source, tensors[LSTM.weights + g]),
            _gate_scale(hidden, tensors[LSTM.recurrent + g]),
        )
        for g in range(len(GATES))
    )
    scale, power = float(cell.scale), cell_power(cell)
    clip = float(np.float32(op.told(attributes.Lstm).cell_clip))
    left = power + 12
    return Lstm(
        gates=gates,
        input_zero=source.zero_point,
        hidden_zero=hidden.zero_point,
        forget=multiplier(CURVE_SCALE * scale / scale),
        input=multiplier(CURVE_SCALE * CURVE_SCALE / scale),
        output=multiplier(CURVE_SCALE * CURVE_SCALE / float(hidden.scale)),
        clip=int(min(clip / scale, INT16_MAX)) if clip > 0 else 0,
        tanh_factor=3 << left if left >= 0 else 3,
        tanh_shift=max(-left, 0),
    )


def _whole(tensor: Tensor) -> np.ndarray:
    assert tensor.data is not None
    return tensor.data.astype(np.int64)


def _gate_scale(source: Tensor, weights: Tensor) -> Scale:
    """The two scales are multiplied in float32."""
    return multiplier(float(np.float32(source.scale * weights.scale)) / GATE_SCALE)


def lstm_step(
    k: Lstm, x: np.ndarray, hidden: np.ndarray, cell: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(new hidden, new cell) of int8 x (N, I), hidden (N, S), int16 cell (N, S)."""
    x = x.astype(np.int64) - k.input_zero
    before = hidden.astype(np.int64) - k.hidden_zero
    sums = {}
    for name, gate in zip(GATES, k.gates, strict=True):
        fresh = requantize(wrapped(x @ gate.weights.T + gate.bias), *gate.input_scale)
        again = requantize(wrapped(before @ gate.recurrent.T), *gate.recurrent_scale)
        sums[name] = clamp16(clamp16(fresh) + clamp16(again))
    old = cell.astype(np.int64)
    kept = clamp16(requantize(sigmoid16(3 * sums["forget"]) * old, *k.forget))
    entered = sigmoid16(3 * sums["input"]) * tanh16(3 * sums["cell"])
    added = requantize(entered, *k.input)
    now = clamp16(kept + clamp16(added))
    if k.clip:
        now = np.clip(now, -k.clip, k.clip)
    half = (1 << k.tanh_shift) >> 1
    curve = tanh16((now * k.tanh_factor + half) >> k.tanh_shift)
    y = requantize(curve * sigmoid16(3 * sums["output"]), *k.output) + k.hidden_zero
    return clamp(y), now.astype(np.int16)


@dataclass(frozen=True, eq=False)
class Side:
    """What the gates sum of the input, or of the hidden state, as bytes u = q + 128."""

    weights: np.ndarray  # int64 (S, K, 4): of each unit and input, by gate
    starts: np.ndarray  # int64 (S, 4): the bias less the zero point's share
    scales: tuple[Scale, ...]  # of each gate

    @property
    def reaches(self) -> tuple[tuple[int, int], ...]:
        """Between which a gate's sums lie, whatever the bytes."""
        least = (self.starts + 255 * np.minimum(self.weights, 0).sum(1)).min(0)
        greatest = (self.starts + 255 * np.maximum(self.weights, 0).sum(1)).max(0)
        return tuple(zip(least.tolist(), greatest.tolist(), strict=True))


def sides(k: Lstm) -> tuple[Side, Side]:
    """That of the input, and that of the hidden state."""
    own = np.stack([g.weights for g in k.gates], -1)
    again = np.stack([g.recurrent for g in k.gates], -1)
    bias = np.stack([g.bias for g in k.gates], -1)
    return (
        Side(
            own,
            bias - (k.input_zero + 128) * own.sum(1),
            tuple(g.input_scale for g in k.gates),
        ),
        Side(
            again,
            -(k.hidden_zero + 128) * again.sum(1),
            tuple(g.recurrent_scale for g in k.gates),
        ),
    )


def is_defined(k: Lstm) -> bool:
    """Whether no sum of a gate leaves int32 where it is shifted to the left."""
    for side in sides(k):
        for (_, shift), reach in zip(side.scales, side.reaches, strict=True):
            if shift > 0 and max(map(abs, reach)) << shift > INT32_MAX:
                return False
    return True


# ==== SVDF ====


@dataclass(frozen=True, eq=False)
class Svdf:
    """All constants of an SVDF."""

    feature: np.ndarray  # int64 (F, I)
    time: np.ndarray  # int64 (F, M)
    bias: np.ndarray  # int64 (U,)
    rank: int  # filters a unit
    input_zero: int
    state_zero: int
    state_type: str  # int8 | int16
    feature_scale: Scale
    output_scale: Scale

    @property
    def sizes(self) -> tuple[int, int, int]:
        """(filters, inputs, memory)"""
        return len(self.feature), self.feature.shape[1], self.time.shape[1]

    @property
    def bounds(self) -> tuple[int, int]:
        """Between which a filter's activation is kept, before the zero point."""
        most = INT16_MAX if self.state_type == "int16" else 127
        return -most - 1, most


def svdf(network: Network, op: Operator) -> Svdf:
    """The constants of a canonical SVDF: input, state, feature, time, bias."""
    source, state, feature, time = (network.tensors[i] for i in op.inputs[:4])
    out, bias = network.output(op), network.input(op, 4)
    units = feature.shape[0] // op.told(attributes.Svdf).rank
    first = np.float32(np.float32(source.scale * feature.scale) / state.scale)
    second = np.float32(np.float32(state.scale * time.scale) / out.scale)
    return Svdf(
        feature=_whole(feature),
        time=_whole(time),
        bias=np.zeros(units, np.int64) if bias is None else _whole(bias).reshape(-1),
        rank=op.told(attributes.Svdf).rank,
        input_zero=source.zero_point,
        state_zero=state.zero_point,
        state_type=state.dtype,
        feature_scale=multiplier(float(first)),
        output_scale=multiplier(float(second)),
    )


def svdf_step(
    k: Svdf, x: np.ndarray, state: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(sums of each unit scaled, new state) of int8 x (N, I) and a state (N, F, M)."""
    sums = wrapped((x.astype(np.int64) - k.input_zero) @ k.feature.T)
    value = np.clip(requantize(sums, *k.feature_scale), *k.bounds) + k.state_zero
    newest = value.astype(np.dtype(k.state_type))[..., None]
    now = np.concatenate([state[..., 1:], newest], -1)
    dots = ((now.astype(np.int64) - k.state_zero) * k.time).sum(-1)
    units = dots.reshape(len(x), -1, k.rank).sum(-1) + k.bias
    return requantize(wrapped(units), *k.output_scale), now
