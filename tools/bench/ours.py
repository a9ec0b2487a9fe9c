"""Rows of our own generated C: every profile, engine and target of a model.

    rows = measure(model, build_root() / "bench", say)

The flags are those of `firmware/components/nn/flags.json`, as the firmware has them.
"""

from collections.abc import Iterator
from pathlib import Path

from core.errors import CheckFailed
from core.saying import Say
from core.words import PROFILES
from export.emit.generate import Plan, flags
from tools.bench import build, count
from tools.bench.build import Built, Program
from tools.bench.count import Counted
from tools.bench.models import (
    Model,
    effective_macs,
    generate,
    program,
)
from tools.bench.rows import HERE, OURS, Exactness, Row, compare
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
    source = program(place / "component", plan, engine)
    images = model.images[: IMAGES[engine]]

    def built_for(target: str) -> Built:
        options = flags(TARGETS[target].family)
        work = place / f"{engine}_{target}"
        return build.build(source, target, options, images, work, stages)

    host = built_for("host")
    outputs = count.run_host(host, model.images)
    exact = compare(outputs, model.expected) if engine == "int8" else None
    for target in sorted(targets, key=lambda name: name != "host"):
        if not TARGETS[target].takes(engine, plan.profile):
            continue
        built = host if target == "host" else built_for(target)
        counted = count.count(built, images, stages=stages)
        if not (counted.outputs == outputs[: len(images)]).all():
            raise CheckFailed(
                f"{source.name}: {target} and this machine give different bits",
                "a bug of export/emit/generate.py or of the target's soft float",
            )
        yield _row(model, plan, engine, source, built, counted, exact)


def _row(
    model: Model,
    plan: Plan,
    engine: str,
    source: Program,
    built: Built,
    counted: Counted,
    exact: Exactness | None,
) -> Row:
    names = {stage.number: stage.name for stage in plan.engine(engine)}
    return Row(
        source=OURS,
        model=model.name,
        target=built.target.name,
        engine=engine,
        evidence=HERE,
        run_on=built.target.evidence,
        profile=plan.profile,
        compiler=built.compiler,
        flags=" ".join(built.flags),
        instructions=counted.instructions,
        per_layer={
            names.get(number, str(number)): part
            for number, part in sorted(counted.per_stage.items())
        },
        macs=model.int8.macs(),
        effective_macs=effective_macs(plan),
        code_bytes=built.code_bytes,
        const_bytes=built.const_bytes,
        ram_bytes=built.ram_bytes,
        io_bytes=source.image_bytes + source.output_bytes,
        stack_bytes=counted.stack_bytes,
        helper_bytes=built.helper_bytes,
        exact=exact,
        exact_text="" if exact else "same bits on every target",
    )
