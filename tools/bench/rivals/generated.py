"""Rows of rivals that generate C, through the compilers and flags of our own.

    rows = measure(model, plan, build_root() / "bench" / "rivals", say)

Each is measured with the flags that most people use, with -fno-schedule-insns, which
helps some of them, and with all of ours. Nothing of the adapter's conversion of the
input is counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import CheckFailed, Esp8kError
from core.saying import Say
from export.emit.generate import Plan
from export.emit.generate import flags as codegen_flags
from tools.bench import build, count
from tools.bench.build import Program
from tools.bench.models import Model
from tools.bench.rivals import bakenn, emx
from tools.bench.rows import Row, compare, measured
from tools.bench.targets import TARGETS

OUR_FLAGS = "flags.json"
FLAGS = ("-O2", "-O2 -fno-schedule-insns", "-O3", OUR_FLAGS)
IMAGES = 1  # counted; all of the model's are compared on the host


@dataclass(frozen=True)
class Rival:
    """Somebody's generator, and how to have it make C of a model."""

    name: str
    engine: str
    make: Callable[[Model, Path], Program]
    models: tuple[str, ...] = ()  # only on these; all if empty


def _bakenn(variant: str) -> Rival:
    def make(model: Model, folder: Path) -> Program:
        return bakenn.program(model.file("model_int8.tflite"), variant, folder)

    return Rival(variant, "int8", make)


def _emx(variant: str) -> Rival:
    def make(model: Model, folder: Path) -> Program:
        return emx.program(model.file(emx.VARIANTS[variant]), variant, folder)

    # Soft float: once is enough, on the network that most others cannot do.
    engine = "float32" if "float" in variant else "int8"
    return Rival(variant, engine, make, ("v2",))


RIVALS = (*map(_bakenn, bakenn.VARIANTS), *map(_emx, emx.VARIANTS))


def measure(
    model: Model,
    plan: Plan,
    folder: Path,
    say: Say,
    targets: tuple[str, ...] = tuple(TARGETS),
    flags: tuple[str, ...] = FLAGS,
) -> Iterator[Row]:
    """A row for each rival, target and set of flags, or one with its reason."""
    for number, rival in enumerate(RIVALS):
        if rival.models and model.name not in rival.models:
            continue
        say(f"{model.name} {rival.name}")
        place = folder / model.name / str(number)
        try:
            program = rival.make(model, place / "source")
            yield from _rows(rival, program, model, plan, place, targets, flags)
        except (CheckFailed, Esp8kError) as error:
            yield Row(
                source=rival.name,
                model=model.name,
                target="",
                engine=rival.engine,
                evidence="tried here",
                note=error.message,
            )


def options_of(chosen: str, target: str) -> list[str]:
    """The compiler's flags; of ours not the dialect, which is the rival's own."""
    if chosen != OUR_FLAGS:
        return chosen.split()
    ours = codegen_flags(TARGETS[target].family)
    return [flag for flag in ours if not flag.startswith("-std")]


def _rows(
    rival: Rival,
    program: Program,
    model: Model,
    plan: Plan,
    place: Path,
    targets: tuple[str, ...],
    flags: tuple[str, ...],
) -> Iterator[Row]:
    images = model.images[:IMAGES]
    for chosen in flags:
        exact = on_host = None
        for target in ("host", *(t for t in targets if t != "host")):
            if "int8" not in TARGETS[target].engines:  # nor is it any rival's
                continue
            work, options = place / target, options_of(chosen, target)
            built = build.build(program, target, options, images, work)
            if target == "host":  # the only one that takes all images in no time
                on_host = count.run_host(built, model.images)
                exact = compare(on_host, model.expected)
                if target not in targets:
                    continue
            counted = count.count(built, images)
            same = on_host is not None and (counted.outputs == on_host[:IMAGES]).all()
            yield replace(
                measured(rival.name, rival.engine, model, plan, built, counted),
                exact=exact if same else None,
                exact_text="" if same else "other bits than on the host",
            )
