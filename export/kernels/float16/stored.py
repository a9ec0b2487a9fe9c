"""What becomes of a float16 engine's sum, and how its constants are written.

Weights stay binary16 in flash. The arithmetic is that of `export.arithmetic.float16`;
without an FPU it is done in whole numbers.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from core.errors import Esp8kError
from export.arithmetic.float16 import PIXEL_SCALE, constant
from export.arithmetic.float16_scales import Scales
from export.graph.attributes import Leaky
from export.graph.network import Network
from export.graph.stage import Stage
from export.kernels.arrays import Array, text_array
from export.kernels.kernel import Kernel, Options

ACTIVATIONS = {"NONE": "{x}", "RELU": "nn_relu({x})", "RELU6": "nn_relu6({x})"}
UNSCALED = Scales()
FLOAT_BYTES = 4


@dataclass(frozen=True)
class Job:
    """How the engine wants a stage computed."""

    rows: int = 0  # of the output, a call; 0: all of them, at once
    rounding: str = "none"  # of what is stored: none, round, flush
    scales: Scales = UNSCALED
    ring: bool = False  # whether there is a pointer to each row of the input

    def power(self, stage: Stage) -> int:
        """Of two, by which what the stage stores is too large."""
        return self.scales.outputs.get(stage.number, 0)

    @property
    def method(self) -> str:
        """What plan.json calls it."""
        known = {0: "whole", 1: "row by row"}
        return known.get(self.rows, f"{self.rows} rows a call")


@dataclass(frozen=True)
class Value:
    """What is stored of a sum, or of the largest of some."""

    text: str  # C of it, with {x} for the sum
    constants: tuple[tuple[str, str], ...]  # (name, C) of what that needs
    early: int  # power of two that the factor for the pixels holds already

    def of(self, x: str) -> str:
        """C of what is stored."""
        return self.text.format(x=x)


@dataclass(frozen=True, eq=False)
class FloatKernel(Kernel):
    """A stage of the float16 engine."""

    engine: ClassVar[str] = "f16"

    job: Job

    @classmethod
    def ways(cls, stage: Stage, options: Options) -> Iterator[Self]:
        """As a whole, nothing scaled: `jobs` says how else."""
        yield from cls.jobs(stage, options, Job())

    @classmethod
    @abstractmethod
    def jobs(cls, stage: Stage, options: Options, job: Job) -> Iterator[Self]:
        """All that it can do for a stage as the engine wants it."""

    @property
    def out_bytes(self) -> int:
        """Of what it stores: float32."""
        return FLOAT_BYTES * self.stage.size

    @property
    def power(self) -> int:
        """Of two, by which what it stores is too large."""
        return self.job.power(self.stage)

    @property
    def value(self) -> Value:
        """What is stored."""
        return value_of(self.stage, self.job)


def value_of(stage: Stage, job: Job) -> Value:
    """What is stored of a stage's sums."""
    first, power = stage.sources[0].is_input, job.power(stage)
    early = power if first and _may_be_early(stage, job) else 0
    text, constants = "{x}", {}
    if first:
        text = f"{text} * unit + b"
        constants["unit"] = _constant(float(PIXEL_SCALE) * 2.0**early)
    if stage.activation not in ACTIVATIONS:
        raise Esp8kError(
            f"no float16 activation {stage.activation}", "use the int8 engine"
        )
    text = ACTIVATIONS[stage.activation].format(x=text)
    for op in stage.unary:
        if op.kind == "LEAKY_RELU":
            name = f"slope{len(constants)}" if "slope" in constants else "slope"
            text = f"nn_leaky({text}, {name})"
            constants[name] = _constant(_slope(op.told(Leaky).alpha))
        elif op.kind == "RELU":
            text = f"nn_relu({text})"
        else:
            raise Esp8kError(f"no float16 kernel for {op.kind}", "use int8")
    stored = _stored(text, job.rounding, power - early)
    return Value(stored, tuple(constants.items()), early)


def _may_be_early(stage: Stage, job: Job) -> bool:
    """Whether the factor for the pixels may be as much larger as what is stored.

    Not before a RELU6, nor need it be where the rounding can do that at no cost.
    """
    kinds = {stage.activation, *(op.kind for op in stage.unary)}
    return job.rounding == "round" and "RELU6" not in kinds


def _slope(value: float) -> float:
    alpha = float(np.float32(value))
    if not 0 <= alpha <= 1:
        raise Esp8kError(
            f"no float16 kernel for LEAKY_RELU with alpha {alpha:g}",
            "use an alpha from 0 to 1, or the int8 engine",
        )
    return alpha


def _stored(text: str, rounding: str, power: int) -> str:
    """A value as it is stored, times 2^power."""
    if rounding == "flush":
        return f"nn_round_flush({text}, {power})"
    if power:
        text = f"nn_scaled({text}, {power})"
    return f"nn_round({text})" if rounding == "round" else text


def _constant(value: float) -> str:
    """A float32 constant by its bits, its value in a comment."""
    bits = int(np.float32(value).view(np.uint32))
    return f"nn_float(0x{bits:08X}u /* {value:.9g} */)"


def half(network: Network, index: int) -> np.ndarray:
    """A binary16 constant as it is stored."""
    constant(network, index)  # refuses what is not binary16
    data = network.tensors[index].data
    assert data is not None
    if not np.isfinite(data.astype(np.float32)).all():
        raise Esp8kError(
            f"tensor {network.tensors[index].name} has infinite weights",
            "train again with smaller weights, or use the int8 engine",
        )
    return data


def half_array(name: str, comment: str, values: np.ndarray) -> Array:
    """binary16 by its bits."""
    words = values.reshape(-1).view(np.uint16)
    texts = [f"0x{int(w):04X}" for w in words]
    return text_array(name, "uint16_t", comment, texts, 8, 2 * len(texts))
