"""Instructions and bytes of our generated C beside every rival's, in one table.

    esp8k bench [--plot] [--markdown] [--json]

Writes build/bench/bench.json (and docs/bench.png by --plot). Instruction counts of
emulated cores and of callgrind are the same on every run; what was measured somewhere
else, or published, is marked so. No wall-clock time: the runtimes of this machine are
given as a ratio to ours, in one interleaved run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from core import paths
from core.cli import parse
from core.errors import Esp8kError
from core.files import write_json
from core.inputs import read_text
from core.program import run
from core.saying import say
from core.words import MODELS
from export.emit import host_build
from tools.bench import cores, ours, show
from tools.bench import host as bench_host
from tools.bench import models as bench_models
from tools.bench.mlperf_shapes import SHAPES
from tools.bench.rivals import generated, published
from tools.bench.rows import Row
from tools.bench.targets import TARGETS

IMAGES = 1_000  # test images on which outputs are compared with TFLite Micro's
SHAPE_IMAGES = 10  # random inputs of MLPerf Tiny's shapes


@dataclass(frozen=True)
class Config:
    """Options of `esp8k bench`."""

    # our networks, and the shapes of MLPerf Tiny
    models: tuple[str, ...] = (*MODELS, *SHAPES)
    targets: tuple[str, ...] = tuple(TARGETS)  # cores to count on
    rivals: bool = True  # whether other people's generators are measured
    reuse: bool = False  # show build/bench/bench.json, measure nothing
    cores: bool = False  # a table a core, of committed figures: measures nothing
    all: bool = False  # show rivals with every set of flags
    plot: bool = False  # write docs/bench.png
    markdown: bool = False  # print the table for the README instead
    json: bool = False  # print the rows as JSON instead


def measure(config: Config) -> list[Row]:
    """Every row, ours first; then those of other people's papers."""
    unknown = set(config.targets) - set(TARGETS)
    if unknown:
        known = ", ".join(TARGETS)
        raise Esp8kError(f"no target {sorted(unknown)[0]!r}", f"one of: {known}")
    folder = paths.build_root() / "bench"
    models = [_load(name, folder) for name in config.models]
    rows: list[Row] = []
    for model in models:
        rows += ours.measure(model, folder, say, config.targets)
    for model in models if config.rivals else []:
        component = folder / model.name / "rival_plan"
        plan = bench_models.generate(model, "speed", component)
        rows += generated.measure(model, plan, folder / "rivals", say, config.targets)
        if "host" in config.targets:
            library = host_build.build(component, component)
            rows += bench_host.measure(model, library, say)
    return [*rows, *published.rows(), *published.excluded()]


def _load(name: str, folder: Path) -> bench_models.Model:
    if name in SHAPES:
        return bench_models.shape(name, folder / "mlperf" / name, SHAPE_IMAGES)
    if name not in MODELS:
        known = ", ".join((*MODELS, *SHAPES))
        raise Esp8kError(f"there is no model {name!r}", f"one of: {known}")
    return bench_models.load(name, IMAGES)


def result_path() -> Path:
    """build/bench/bench.json."""
    return paths.build_root() / "bench" / "bench.json"


def save(rows: list[Row]) -> None:
    """Write bench.json."""
    path = result_path()
    write_json(path, [row.json() for row in rows])


def main(argv: Sequence[str] | None = None) -> None:
    """Run the benchmark from the command line."""
    config = parse(Config, argv, "bench", __doc__ or "")
    if config.cores:
        print(cores.markdown())
        _plot(config)
        return
    if config.reuse:
        rows = show.read(result_path())
    else:
        rows = measure(config)
        save(rows)
    if config.json:
        print(read_text(result_path()), end="")
    elif config.markdown:
        print(show.markdown(rows))
    else:
        console = Console()
        console.print(show.table(rows, config.all, console.width))
        if console.width < show.WIDE:
            console.print(show.NARROWED)
        console.print(show.LEGEND)
        for line in show.gaps(rows):
            console.print(f"- {line}", highlight=False)
    _plot(config)


def _plot(config: Config) -> None:
    if config.plot:
        from tools.bench.plot import plot

        target = paths.ROOT / "docs" / "bench.png"
        plot(cores.rows(), target)
        say(f"wrote {target.relative_to(paths.ROOT)}")


if __name__ == "__main__":
    run(main)
