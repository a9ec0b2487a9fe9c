"""Rows of our own generated C: every profile, engine and target of a model.

    rows = measure(model, build_root() / "bench", say)

Each is built and named by `tools.bench.engine`.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from core.errors import CheckFailed
from core.saying import Say
from core.words import PROFILES
from export.emit.generate import Plan
from tools.bench import count
from tools.bench.build import Built
from tools.bench.count import Counted
from tools.bench.engine import GeneratedEngine
from tools.bench.models import Model, generate
from tools.bench.rows import OURS, Exactness, Row, compare, measured
from tools.bench.targets import ESP32, TARGETS

IMAGES = {"int8": 2, "f16": 1}  # counted; soft float takes 25 M instructions each


def measure(
    model: Model,
    folder: Path,
    say: Say,
    targets: tuple[str, ...] = tuple(TARGETS),
    profiles: tuple[str, ...] = PROFILES,
    stages: bool = True,
) -> Iterator[Row]:
    """One row each; raises CheckFailed if a target's bits differ from the host's."""
    lx6 = not set(targets).isdisjoint(ESP32)  # else nothing of it is compiled
    for profile in profiles:
        place = folder / model.name / profile
        plan = generate(model, profile, place / "component", lx6=lx6)
        for engine in model.engines():
            say(f"{model.name} {profile} {engine}")
            yield from measure_engine(model, plan, engine, place, targets, stages)


def measure_engine(
    model: Model,
    plan: Plan,
    engine: str,
    place: Path,
    targets: tuple[str, ...],
    stages: bool,
) -> Iterator[Row]:
    """One engine's rows, a target each; its C is in `place`/component."""
    subject = GeneratedEngine.of(place / "component", plan, engine)
    images = model.images[: IMAGES[engine]]

    def built_for(target: str) -> Built:
        work = place / f"{engine}_{target}"
        return subject.build(target, images, work, stages)

    host = built_for("host")
    outputs = count.run_host(host, model.images)
    exact = compare(outputs, model.expected) if engine == "int8" else None
    for target in sorted(targets, key=lambda name: name != "host"):
        if not TARGETS[target].takes(engine, plan.profile):
            continue
        built = host if target == "host" else built_for(target)
        counted = count.count(built, images, stages=stages)
        if not (counted.outputs == outputs[: len(images)]).all():
            name = subject.program.name
            raise CheckFailed(
                f"{name}: {target} and this machine give different bits",
                "a bug of export/emit/generate.py or of the target's soft float",
            )
        yield _row(model, subject, built, counted, exact)


def _row(
    model: Model,
    subject: GeneratedEngine,
    built: Built,
    counted: Counted,
    exact: Exactness | None,
) -> Row:
    plan, program = subject.plan, subject.program
    return replace(
        measured(OURS, subject.name, model, plan, built, counted),
        profile=plan.profile,
        per_layer=subject.per_stage(counted),
        io_bytes=program.image_bytes + program.output_bytes,
        exact=exact,
        exact_text="" if exact else "same bits on every target",
    )
