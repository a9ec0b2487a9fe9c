"""What the front end gives: a quantized .tflite, and what was decided on the way."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.text import percent


@dataclass(frozen=True)
class Options:
    """What a model may need beside itself."""

    calibration: Path | None = None  # inputs that ranges are found from
    check: Path | None = None  # inputs that the cost is measured on
    input_shape: tuple[int, ...] | None = None  # where the model leaves it open
    drawn: bool = False  # whether drawn inputs stand in for missing ones: for sizes
    int16: bool = False  # activations of 16 bits, of a float model

    @property
    def whole_lstm(self) -> bool:
        """Whether an LSTM may become one operator, which TFLite Micro has of 8 bits."""
        return not self.int16


@dataclass(frozen=True)
class Wanted:
    """One input that a model has."""

    name: str
    shape: tuple[int, ...]  # begins with the batch of 1


@dataclass(frozen=True)
class Cost:
    """What quantization changes in one output, over a set of inputs."""

    inputs: str  # calibration | check
    count: int
    output: int  # which one
    largest: float  # absolute error against the float model
    mean: float  # absolute error
    span: float  # from the least to the greatest value of the float model
    agreement: float | None  # share of inputs with the same greatest element

    def line(self) -> str:
        """For people."""
        share = ""
        if self.span:
            share = f" ({percent(self.mean / self.span)} of its span)"
        alike = ""
        if self.agreement is not None:
            alike = f"; the same class in {percent(self.agreement)}"
        number = f" of output {self.output}" if self.output else ""
        return (
            f"quantization on {self.count:,} {self.inputs} inputs{number}: error "
            f"{self.mean:.3g} on average{share}, {self.largest:.3g} at most{alike}"
        )


@dataclass(frozen=True)
class Taken:
    """An int8 or int16 .tflite, and what was decided on the way to it."""

    model: bytes
    name: str  # of the file, as it may be shown
    notes: tuple[str, ...] = ()
    costs: tuple[Cost, ...] = ()  # of a quantization that was done here


def alone(values: np.ndarray) -> np.ndarray:
    """An output of one input without the batch of 1, where it has one."""
    return np.asarray(values[0]) if values.shape[:1] == (1,) else values
