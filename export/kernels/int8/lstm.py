"""UNIDIRECTIONAL_SEQUENCE_LSTM for int8: all steps in one function."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from typing_extensions import override

from export.arithmetic import curves, recurrent, requant_stage
from export.graph.stage import Stage
from export.kernels.arrays import Array, byte_array, word_array
from export.kernels.int8.plain import Plain
from export.kernels.kernel import Options
from export.plan.cost import Work

CURVES = 5  # a unit and step
SCALINGS = 11  # the same, of 64 bits


@dataclass(frozen=True, eq=False)
class Lstm(Plain):
    """The state is read and written in place; the old hidden one is set aside."""

    template: ClassVar[str] = "int8/lstm.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("UNIDIRECTIONAL_SEQUENCE_LSTM",)

    k: recurrent.Lstm

    @classmethod
    @override
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        k = recurrent.lstm(stage.network, stage.head)
        yield cls(stage, options, requant_stage.table(stage), k)

    @cached_property
    def sizes(self) -> tuple[int, int, int]:
        """(steps, inputs, units)"""
        units, inputs = self.k.sizes
        return self.stage.sources[0].shape[0], inputs, units

    @property
    def arrays(self) -> tuple[Array, ...]:
        """By unit and gate: weights and recurrent ones, the two sums' starts."""
        gates = self.k.gates
        weights = np.stack([np.hstack([g.weights, g.recurrent]) for g in gates], 1)
        zeros = (self.k.input_zero + 128, self.k.hidden_zero + 128)
        starts = [
            (g.bias - zeros[0] * g.weights.sum(1), -zeros[1] * g.recurrent.sum(1))
            for g in gates
        ]
        sums = np.stack([np.stack(pair, 1) for pair in starts], 1)
        what = f"{self.name}: by unit and gate"
        return (
            *super().arrays,
            byte_array(
                f"{self.stem}_weights",
                f"{what}, of the input and of the hidden state",
                weights.reshape(-1),
                self.options.weight_type,
            ),
            word_array(
                f"{self.stem}_sums", f"{what}, starts of the sums", _int32(sums)
            ),
            byte_array(
                f"{self.stem}_curve",
                f"{self.name}: sigmoid(i / 24), Q0.16",
                curves.TABLE,
                "uint16_t",
            ),
        )

    @property
    def scratch(self) -> int:
        """The hidden state before the step."""
        return self.sizes[2]

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_lstm.h"})

    @property
    def zero(self) -> int:
        """Of the hidden state, as u."""
        return self.k.hidden_zero + 128

    def work(self) -> Work:
        """Products, and what each unit's curves and scalings take."""
        steps, inputs, units = self.sizes
        products = steps * units * 4 * (inputs + units)
        places = steps * units
        widened = 0 if self.options.wide_weights else products
        return {
            "product": products,
            "load": 2 * products,
            "widened": widened,
            "turn": products,
            "row": 8 * places,
            "wide": SCALINGS * places,
            "output": CURVES * places,
        }


def _int32(x: np.ndarray) -> np.ndarray:
    """Modulo 2^32, as the sums are."""
    return x.reshape(-1).astype(np.int64).astype(np.int32)
