"""What a stage's requantisation must do: its bias, table, bounds, proved constants.

    found = weighted(stage, table(stage))

Proved for every sum that the stage's weights and any bytes can give; no core is known.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from export.arithmetic import int8, requant, requant_proof, unary
from export.arithmetic.channelwise import composed
from export.arithmetic.requant import Requant, Steps
from export.graph.network import Network, Operator, Tensor
from export.graph.stage import Stage

KNOWN = 256  # answers that are remembered
OFTEN = 2048  # outputs of a layer
MOST_TABLE = 1536  # bytes of a table that takes what would have to be clamped


def table(stage: Stage) -> np.ndarray | None:
    """The composed activations of a stage as uint8 over u = q + 128.

    (256,), or (C, 256) where each channel has its own.
    """
    values = None
    for op in stage.tabled:
        step = unary.table(stage.network, op).astype(np.int64) + 128
        values = composed(values, step)
    return values


def folded_bias(stage: Stage) -> np.ndarray:
    """Bias per channel for inputs u = q + 128."""
    network, op = stage.network, stage.head
    zero = network.tensors[op.inputs[0]].zero_point + 128
    bias = int8.bias(network, op)
    folded = -zero * stage.flat_weights().sum(axis=1)
    return np.asarray(folded if bias is None else folded + bias)


def u_range(op: Operator, out: Tensor) -> tuple[int, int]:
    """Least and greatest u that the fused activation lets through."""
    low, high = int8.activation_range(op, out)
    return low + 128, high + 128


def weighted(stage: Stage, follows: np.ndarray | None, scale: int = 1) -> Requant:
    """The proved requantisation of a weighted sum.

    `follows` is the table behind it: steps that it ignores are not asked for.
    Sums come times `scale`; ValueError where no narrow form takes them.
    """
    sums, seen = _sums_of(stage), None if follows is None else follows.tobytes()
    bounds = u_range(stage.head, stage.head_output)
    often = stage.head_output.size >= OFTEN
    found = _solved(Question(sums, bounds, seen, scale, often, follows))
    if found is None:
        raise ValueError("no exact narrow form for scaled sums")
    return found


@dataclass(frozen=True)
class Sums:
    """What a layer's sums of products are and become: each step of a loop the same."""

    channels: tuple[tuple[int, ...], ...]  # mantissa, shift, bias, least, greatest
    zero: int  # of the output, as u


@dataclass(frozen=True)
class Layer:
    """Not the rows that a stage computes of it."""

    network: Network
    head: Operator
    stage: Stage = field(compare=False, repr=False)


def _sums_of(stage: Stage) -> Sums:
    return _summed(Layer(stage.network, stage.head, stage))


@lru_cache(maxsize=KNOWN)
def _summed(layer: Layer) -> Sums:
    stage = layer.stage
    weights, bias = stage.flat_weights(), folded_bias(stage)
    least = bias + 255 * np.minimum(weights, 0).sum(axis=1)
    greatest = bias + 255 * np.maximum(weights, 0).sum(axis=1)
    columns = (*int8.channel_multipliers(layer.network, layer.head), bias)
    found = zip(*columns, least, greatest, strict=False)
    channels = tuple(tuple(map(int, channel)) for channel in found)
    return Sums(channels, stage.head_output.zero_point + 128)


@dataclass(frozen=True)
class Question:
    """What a requantisation depends on."""

    sums: Sums
    bounds: tuple[int, int]
    follows: bytes | None
    scale: int
    often: bool
    table: np.ndarray | None = field(compare=False, repr=False)


@lru_cache(maxsize=KNOWN)
def _solved(asked: Question) -> Requant | None:
    """The answer; a network's planner asks the same again and again."""
    (low, high), zero = asked.bounds, asked.sums.zero
    goals = goals_of(low, high, asked.table)
    steps, plain = _of_sums(asked.sums, goals, low, high)
    if not plain:
        return requant_proof.wide(steps, low, high, zero)
    try:
        return requant_proof.solve(
            steps, goals, low, high, zero, asked.scale, asked.often
        )
    except ValueError:
        return None


def steps_of(
    stage: Stage, goals: np.ndarray, low: int, high: int
) -> tuple[list[Steps], bool]:
    """Where each channel of a weighted sum reaches the goals; whether all rise."""
    return _of_sums(_sums_of(stage), goals, low, high)


def _of_sums(
    sums: Sums, goals: np.ndarray, low: int, high: int
) -> tuple[list[Steps], bool]:
    steps, plain = _stepped(Asked(sums, goals.tobytes(), low, high, goals))
    return list(steps), plain


@dataclass(frozen=True)
class Asked:
    """What the steps depend on: the kernels of all cores ask for the same."""

    sums: Sums
    reached: bytes
    low: int
    high: int
    goals: np.ndarray = field(compare=False, repr=False)


@lru_cache(maxsize=KNOWN)
def _stepped(asked: Asked) -> tuple[tuple[Steps, ...], bool]:
    goals, low, high = asked.goals, asked.low, asked.high
    numbers, zero = asked.sums.channels, asked.sums.zero
    plain = all(_is_plain(m, s, (lo, hi)) for m, s, _, lo, hi in numbers)
    at = np.broadcast_to(goals, (len(numbers), len(goals)))
    if plain:
        mantissas, shifts, _, least, greatest = np.array(numbers).T[..., None]
        function = _function(mantissas, shifts, zero, low, high)
        near = _near(goals, zero, mantissas, shifts)
        at = requant_proof.thresholds(function, goals, least, greatest, near)
    steps = tuple(
        Steps(b, m, s, lo, hi, row)
        for (m, s, b, lo, hi), row in zip(numbers, at, strict=True)
    )
    return steps, plain


@dataclass(frozen=True)
class Sum:
    """A sum without weights: its scale, and what it can be."""

    mantissa: int
    shift: int
    reach: tuple[int, int]


@dataclass(frozen=True)
class Scalars:
    """What the requantisation of such sums depends on."""

    sums: tuple[Sum, ...]
    zero: int
    bounds: tuple[int, int]
    follows: bytes | None
    table: np.ndarray | None = field(compare=False, repr=False)


def scalar(
    mantissa: int,
    shift: int,
    reach: tuple[int, int],
    zero: int,
    bounds: tuple[int, int],
    follows: np.ndarray | None,
) -> Requant:
    """The same for one sum without weights (MUL, MEAN); zero and bounds are u's."""
    sums = (Sum(mantissa, shift, reach),)
    seen = None if follows is None else follows.tobytes()
    return _scalars(Scalars(sums, zero, bounds, seen, follows))


def scalars(sums: tuple[Sum, ...], zero: int, bounds: tuple[int, int]) -> Requant:
    """The same for several in one form, a channel each."""
    return _scalars(Scalars(sums, zero, bounds, None, None))


@lru_cache(maxsize=KNOWN)  # the kernels of all cores ask for the same
def _scalars(asked: Scalars) -> Requant:
    (low, high), zero = asked.bounds, asked.zero
    goals = goals_of(low, high, asked.table)
    plain = all(_is_plain(one.mantissa, one.shift, one.reach) for one in asked.sums)
    steps = [
        Steps(
            0,
            one.mantissa,
            one.shift,
            *one.reach,
            _thresholds(one, goals, zero, (low, high)) if plain else goals,
        )
        for one in asked.sums
    ]
    if not plain:
        return requant_proof.wide(steps, low, high, zero)
    return requant_proof.solve(steps, goals, low, high, zero)


def _thresholds(
    one: Sum, goals: np.ndarray, zero: int, bounds: tuple[int, int]
) -> np.ndarray:
    function = _function(one.mantissa, one.shift, zero, *bounds)
    near = _near(goals, zero, one.mantissa, one.shift)
    return requant_proof.thresholds(function, goals, *one.reach, near)


def _near(
    goals: np.ndarray, zero: int, mantissa: np.ndarray | int, shift: np.ndarray | int
) -> np.ndarray:
    """Where a straight line reaches the goals."""
    unit = 2.0 ** (31 - shift) / mantissa  # of the sum, a step of u
    return np.asarray(np.rint((goals - zero - 0.5) * unit).astype(np.int64))


def goals_of(low: int, high: int, follows: np.ndarray | None) -> np.ndarray:
    """The u whose steps matter."""
    goals = np.arange(low + 1, high + 1)
    if follows is None:
        return goals
    steps = np.atleast_2d(follows[..., goals] != follows[..., goals - 1])
    return goals[steps.any(axis=0)]


def _is_plain(mantissa: int, shift: int, reach: tuple[int, int]) -> bool:
    """Whether it rises; beyond int32 TFLite wraps around, and nothing is monotone."""
    return mantissa > 0 and max(map(abs, reach)) << max(shift, 0) < 1 << 31


def _function(
    mantissa: np.ndarray | int,
    shift: np.ndarray | int,
    zero: int,
    low: int,
    high: int,
) -> Callable[[np.ndarray], np.ndarray]:
    """TFLite's u of an accumulator."""

    def function(acc: np.ndarray) -> np.ndarray:
        u = int8.requantize(acc, mantissa, shift) + zero
        return np.asarray(np.clip(u, low, high))

    return function


def unclamped(
    found: Requant, weights: np.ndarray, scale: int, values: np.ndarray | None
) -> tuple[np.ndarray, int] | None:
    """A table over every u that can occur, and where u = 0 is in it.

    Then no clamp is needed before it. None where there is no table, or it would be
    too large; weights as (O, K).
    """
    if values is None or values.ndim > 1 or found.form in ("checked", "wide"):
        return None
    ends = []
    for c, row in enumerate(weights):
        sums = [np.minimum(row, 0).sum(), np.maximum(row, 0).sum()]
        total = 255 * scale * np.array(sums)
        ends += requant.evaluate(found, c, total, clamp=False).tolist()
    least, greatest = int(min(ends)), int(max(ends))
    if greatest - least >= MOST_TABLE:
        return None
    reach = np.arange(least, greatest + 1)
    return values[np.clip(reach, found.low, found.high)], -least
