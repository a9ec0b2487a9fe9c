"""UNIDIRECTIONAL_SEQUENCE_LSTM for int8: all steps in one function."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import curves, recurrent, requant_stage
from export.arithmetic.int8 import INT16_MAX, INT16_MIN, requantize
from export.arithmetic.requant import Requant
from export.graph.stage import Stage
from export.kernels.arrays import Array, byte_array, word_array
from export.kernels.int8.finish import Finish, channel_array
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options
from export.plan.cost import Work, times

CURVES = 5  # a unit and step
GATES = len(recurrent.GATES)
MOST_TOGETHER = 4  # inputs of one turn
HALF = 1 << 30  # the mantissa of a power of two


@dataclass(frozen=True, eq=False)
class Lstm(Plain):
    """The state is read and written in place; the old hidden one is set aside.

    `own` and `again` bring the gates' sums of the input and of the hidden state to
    Q3.12, a channel each.
    """

    template: ClassVar[str] = "int8/lstm.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("UNIDIRECTIONAL_SEQUENCE_LSTM",)

    k: recurrent.Lstm
    own: Requant
    again: Requant

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        k = recurrent.lstm(stage.network, stage.head)
        table, both = requant_stage.table(stage), recurrent.sides(k)
        yield cls(stage, options, table, k, *map(to_gates, both))

    @cached_property
    def sizes(self) -> tuple[int, int, int]:
        """(steps, inputs, units)"""
        units, inputs = self.k.sizes
        return self.stage.sources[0].shape[0], inputs, units

    @property
    def arrays(self) -> tuple[Array, ...]:
        """By unit: the weights of each input for the four gates, the sums' starts."""
        sides = recurrent.sides(self.k)
        weights = [side.weights for side in sides]  # (S, I, 4), (S, S, 4)
        starts = [
            side.starts + [channel.bias for channel in found.channels]
            for side, found in zip(sides, (self.own, self.again), strict=True)
        ]
        what = f"{self.name}: by unit, four gates each"
        return (
            *super().arrays,
            byte_array(
                f"{self.stem}_weights",
                f"{what}, of the input, then of the hidden state",
                np.concatenate(weights, 1).reshape(-1),
                self.options.weight_type,
            ),
            word_array(
                f"{self.stem}_sums",
                f"{what}, starts of both sums",
                _int32(np.stack(starts, 1)),
            ),
            byte_array(
                f"{self.stem}_curve",
                f"{self.name}: sigmoid(i / 24), Q0.16",
                curves.TABLE,
                "uint16_t",
            ),
            channel_array(f"{self.stem}_own", f"{self.name}: gates", self.own),
            channel_array(f"{self.stem}_again", f"{self.name}: gates", self.again),
        )

    def gate(self, g: str) -> str:
        """C of a gate before its curve, from sums[8]."""
        own = _gate(self.own, f"{self.stem}_own", f"sums[{g}]", g)
        again = _gate(self.again, f"{self.stem}_again", f"sums[{GATES} + {g}]", g)
        return f"nn_clamp16({own} + {again})"

    def scaled(self, text: str, scale: recurrent.Scale) -> str:
        """C of a product times a scale; a power of two needs no multiplication."""
        mantissa, shift = scale
        if mantissa == HALF and shift <= 0:
            return f"nn_shifted({text}, {-shift})"
        return f"nn_scale({text}, {mantissa}, {shift})"

    @property
    def scratch(self) -> int:
        """The hidden state before the step; then a state that begins anew, if any."""
        units = self.sizes[2]
        return 4 * units if self.anew else units

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_lstm.h"})

    @property
    def anew(self) -> bool:
        """Whether the state is no caller's: each call begins with an empty one."""
        return len(self.stage.sources) == 1

    @property
    def together(self) -> int:
        """Inputs that one turn of the sums' loops takes: both counts are multiples."""
        return math.gcd(MOST_TOGETHER, *self.sizes[1:])

    @property
    def zero(self) -> int:
        """Of the hidden state, as u."""
        return self.k.hidden_zero + 128

    def work(self) -> Work:
        """Products, and what each unit's curves and scalings take."""
        steps, inputs, units = self.sizes
        places = steps * units
        products = places * GATES * (inputs + units)
        sums = times(places, _work(self.own, self.again))
        return {
            "product": products,
            "load": products + products // GATES,
            "widened": 0 if self.options.wide_weights else products,
            "turn": products // GATES // self.together,
            "row": 2 * places,
            "output": (CURVES + 2 + 2 * GATES) * places,
            "constants": 2 * GATES * places,
            "bounded": 3 * GATES * places,
            **sums,
            "wide": places + sums["wide"],
        }


def to_gates(side: recurrent.Side) -> Requant:
    """The proved scaling of one side's sums to the four gates.

    Its bounds are one step wider than what occurs: no clamp follows there, so the
    steps below the least and above the greatest must not be taken either.
    """
    sums = tuple(
        requant_stage.Sum(*scale, reach)
        for scale, reach in zip(side.scales, side.reaches, strict=True)
    )
    ends = [
        requantize(np.asarray(end), *scale)
        for scale, reach in zip(side.scales, side.reaches, strict=True)
        for end in reach
    ]
    bounds = max(int(min(ends)) - 1, INT16_MIN), min(int(max(ends)) + 1, INT16_MAX)
    return requant_stage.scalars(sums, 0, bounds)


def _gate(found: Requant, name: str, acc: str, g: str) -> str:
    """C of one of the two parts of a gate; what cannot leave int16 is not clamped."""
    part = Finish(found, name, False).unit_of(acc, f"{name} + {g}")
    inside = INT16_MIN < found.low and found.high < INT16_MAX
    return part if inside and found.form != "wide" else f"nn_clamp16({part})"


def _work(*sides: Requant) -> Work:
    """Of the scaling of one unit's gates."""
    forms = [found.form for found in sides]
    return {
        kind: GATES * forms.count(kind)
        for kind in ("signed", "checked", "triple", "wide")
    }


def _int32(x: np.ndarray) -> np.ndarray:
    """Modulo 2^32, as the sums are."""
    return x.reshape(-1).astype(np.int64).astype(np.int32)
