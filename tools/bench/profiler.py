"""Count what one engine of a generated component costs, instruction by instruction.

    esp8k profiler --component build/v3/component --target lx106

runs one image through the harness of `make bench` and reports instructions in all and
per stage, code, const and RAM bytes, and the logits. These are instructions of an
emulated core (of callgrind on the host), not cycles of a chip.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.cli import parse
from core.errors import Esp8kError
from core.paths import ROOT
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, Engine
from export.emit.generate import load_plan
from tools.bench.count import count
from tools.bench.engine import GeneratedEngine
from tools.bench.targets import TARGETS, Target
from training import data as datasets

LOGITS = {"int8": np.int8, "f16": np.float32}
# Three-operand scalar instructions, as a core with an FPU has them.
SCALAR_AVX = ("-mavx",)


@dataclass(frozen=True)
class Profiled:
    """What one engine took for one image, and the bytes of its sections."""

    evidence: str
    model: str
    profile: str
    engine: str
    target: str
    flags: tuple[str, ...]
    instructions: int
    per_stage: dict[str, int]  # instructions by the stage's name
    effective_macs: int
    code_bytes: int
    const_bytes: int
    ram_bytes: int
    logits: tuple[float, ...]

    def lines(self) -> list[str]:
        """For a terminal."""
        per_mac = self.instructions / max(self.effective_macs, 1)
        return [
            f"{self.model} {self.engine} {self.profile} on {self.target}"
            f" ({self.evidence}): {self.instructions:,} instructions,"
            f" {per_mac:.2f} an effective MAC; code {self.code_bytes:,},"
            f" const {self.const_bytes:,}, RAM {self.ram_bytes:,} bytes",
            *(f"  {name:12} {n:>10,}" for name, n in self.per_stage.items()),
            "  logits " + " ".join(f"{v:.6g}" for v in self.logits),
        ]


def core(name: str) -> Target:
    """A target by its name, or by its family in flags.json."""
    for target in TARGETS.values():
        if name in (target.name, target.family):
            return target
    raise Esp8kError(f"no target {name!r}", f"one of: {', '.join(TARGETS)}")


def measure(
    component: Path,
    engine: str = "int8",
    target: str = "lx106",
    extra: tuple[str, ...] = (),
    image: np.ndarray | None = None,
    compiler: tuple[str, ...] = (),
) -> Profiled:
    """Compile, link and run one engine for one image (a fixed test digit)."""
    where = core(target)
    plan = load_plan(component / "plan.json")
    subject = GeneratedEngine.of(component, plan, engine)
    pixels = default_image() if image is None else np.asarray(image, np.uint8)
    images = np.resize(pixels.reshape(-1), (1, subject.program.image_bytes))
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        built = subject.build(where.name, images, work, True, extra, compiler)
        counted = count(built, images, stages=True)
    return Profiled(
        evidence=where.evidence,
        model=plan.model,
        profile=plan.profile,
        engine=engine,
        target=where.name,
        flags=built.flags,
        instructions=counted.instructions,
        per_stage=subject.per_stage(counted),
        effective_macs=sum(stage.effective_macs for stage in plan.engine(engine)),
        code_bytes=built.code_bytes,
        const_bytes=built.const_bytes,
        ram_bytes=built.ram_bytes,
        logits=tuple(counted.outputs[0].view(LOGITS[engine]).tolist()),
    )


def measure_host(component: Path, engine: str = "f16") -> Profiled:
    """The same on this machine: a proxy for a core with an FPU."""
    return measure(component, engine, "host", SCALAR_AVX)


def default_image() -> np.ndarray:
    """A fixed digit: the first image of the test set."""
    return np.asarray(datasets.load().test_images[0].reshape(-1))


@dataclass(frozen=True)
class Config:
    """Options of `esp8k profiler`."""

    # a generated component
    component: Path = ROOT / "build" / DEFAULT_MODEL / "component"
    engine: Engine = "int8"  # which engine
    target: str = "lx106"  # which core
    extra: str = ""  # more compiler flags, separated by blanks
    json: bool = False  # print JSON


def main(argv: Sequence[str] | None = None) -> None:
    """The command line."""
    config = parse(Config, argv, "profiler", __doc__ or "")
    found = measure(
        config.component, config.engine, config.target, tuple(config.extra.split())
    )
    print(for_json(asdict(found)) if config.json else "\n".join(found.lines()))


if __name__ == "__main__":
    run(main)
