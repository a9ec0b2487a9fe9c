"""One row of the benchmark: what was measured, of whom, how, and on whose word."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from export.emit.generate import Plan
from tools.bench.build import Built
from tools.bench.count import Counted
from tools.bench.models import Model, effective_macs

OURS = "esp8k"
HERE, ELSEWHERE, PUBLISHED = "measured here", "measured elsewhere", "published"


@dataclass(frozen=True)
class Exactness:
    """How the outputs compare with TFLite Micro's on test images."""

    images: int
    differing_logits: int | None  # None: outputs are float
    largest: int | None  # in units of the last place of int8
    argmax_changes: int

    def text(self) -> str:
        """For a table."""
        if self.differing_logits is None:
            return f"float; argmax {self.argmax_changes}/{self.images:,}"
        if self.differing_logits == 0:
            return f"yes, {self.images:,} images"
        return f"no: {self.differing_logits:,} logits, by up to {self.largest}"


@dataclass(frozen=True)
class Row:
    """A line of the table; None where nothing was measured."""

    source: str  # esp8k, or a rival's name
    model: str
    target: str  # lx106, rv32imc, s3, host, ...; LX6, S3, ESP32 by others
    engine: str  # int8 | f16 | float32
    evidence: str  # measured here | measured elsewhere | published
    run_on: str = ""  # emulated | host | on hardware
    profile: str = ""
    compiler: str = ""
    flags: str = ""
    instructions: int | None = None
    per_layer: dict[str, int] = field(default_factory=dict)
    macs: int | None = None
    effective_macs: int | None = None
    code_bytes: int | None = None
    const_bytes: int | None = None
    ram_bytes: int | None = None  # arena and variables; no stack, no input
    io_bytes: int | None = None  # input and output, which lie in no arena of ours
    stack_bytes: int | None = None
    helper_bytes: int | None = None
    exact: Exactness | None = None
    exact_text: str = ""  # where somebody else compared
    time_ratio: float | None = None  # to ours, host, one interleaved run
    note: str = ""  # the reason of a gap, or what to know

    @property
    def per_mac(self) -> float | None:
        """Instructions an effective MAC: what the network needs, not what is wasted."""
        if self.instructions is None or not self.effective_macs:
            return None
        return self.instructions / self.effective_macs

    @property
    def exactness(self) -> str:
        """One short text."""
        return self.exact.text() if self.exact else self.exact_text

    def json(self) -> dict[str, Any]:
        """For bench.json."""
        ratio = None if self.per_mac is None else round(self.per_mac, 3)
        return asdict(self) | {
            "instructions_per_effective_mac": ratio,
            "exactness": self.exactness,
        }


def measured(
    source: str, engine: str, model: Model, plan: Plan, built: Built, counted: Counted
) -> Row:
    """The row of `source`'s program that was built and counted, no word on its bits.

    `plan` is that of our C for the same model: it says which MACs are effective.
    """
    return Row(
        source=source,
        model=model.name,
        target=built.target.name,
        engine=engine,
        evidence=HERE,
        run_on=built.target.evidence,
        compiler=built.compiler,
        flags=" ".join(built.flags),
        instructions=counted.instructions,
        macs=model.int8.macs(),
        effective_macs=effective_macs(plan),
        code_bytes=built.code_bytes,
        const_bytes=built.const_bytes,
        ram_bytes=built.ram_bytes,
        stack_bytes=counted.stack_bytes,
        helper_bytes=built.helper_bytes,
    )


def compare(outputs: np.ndarray, expected: np.ndarray | None) -> Exactness | None:
    """Outputs (N, bytes) uint8 of a program against TFLite Micro's (N, 10) int8."""
    if expected is None:
        return None
    images, classes = expected.shape
    differing: int | None = None
    largest: int | None = None
    if outputs.shape[1] == classes:
        got = outputs.view(np.int8)
        far = np.abs(got.astype(np.int16) - expected)
        differing, largest = int((far != 0).sum()), int(far.max())
    else:
        got = np.ascontiguousarray(outputs).view(np.float32)
    changes = int((got.argmax(1) != expected.argmax(1)).sum())
    return Exactness(images, differing, largest, changes)
