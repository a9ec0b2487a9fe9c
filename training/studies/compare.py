"""Our models beside each other and beside what others have published.

    esp8k compare           # writes build/comparison.png
    esp8k compare --write   # replaces the one in training/results

Ours: the mean over the seeds of `training/results/<model>.json`, with the least and
the best as a bar. Theirs: the range that they state; single runs, mostly the best of
many epochs on the test set.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.cli import parse
from core.errors import Esp8kError
from core.paths import build_root
from core.program import run
from training.figure import BLUE, GREY, INK, PALE, figure, store
from training.studies.records import Summary
from training.studies.seeds import RESULTS, filed


@dataclass(frozen=True)
class Published:
    """A claim of somebody else: ranges of accuracy (percent) and epochs."""

    name: str
    parameters: int
    accuracy: tuple[float, float]
    epochs: tuple[int, int]


PUBLISHED = (
    Published("best under 8k", 7_900, (99.42, 99.48), (11, 15)),
    Published("BitNetMCU", 33_088, (99.53, 99.58), (60, 120)),
)


@dataclass(frozen=True)
class Row:
    """One line of the picture."""

    name: str
    middle: float
    least: float
    best: float
    words: tuple[str, ...]  # one for each of COLUMNS
    ours: bool


# Figures beside the bars: title, and where the column ends, in points from the bars.
COLUMNS = (("right, %", 95), ("parameters", 170), ("MACs", 230), ("epochs", 300),
           ("runs", 345))  # fmt: skip
UNKNOWN = "–"


def epochs(result: Summary) -> str:
    """Its passes; where it had a teacher, those of the teacher too."""
    teacher = result["teacher"]
    own = str(result["recipe"]["epochs"])
    return f"{own}, teacher {teacher['epochs']}" if teacher else own


def rows(results: dict[str, Summary]) -> list[Row]:
    """Ours and theirs, the best first."""
    ours = [
        Row(
            name, r["mean"], r["min"], r["max"],
            (
                f"{r['mean']:.2f}", f"{r['parameters']:,}", f"{r['macs']:,}",
                epochs(r), str(r["n"]),
            ),
            True,
        )
        for name, r in results.items()
    ]  # fmt: skip
    theirs = [
        Row(
            p.name, sum(p.accuracy) / 2, *p.accuracy,
            (
                span(p.accuracy, ".2f"), f"{p.parameters:,}", UNKNOWN,
                span(p.epochs, "d"), UNKNOWN,
            ),
            False,
        )
        for p in PUBLISHED
    ]  # fmt: skip
    return sorted(ours + theirs, key=lambda row: -row.middle)


def span(ends: tuple[float, float], form: str) -> str:
    """What somebody states as a range."""
    return f"{ends[0]:{form}} to {ends[1]:{form}}"


def draw(results: dict[str, Summary]) -> Any:
    """A line for each: accuracy as a bar, and in figures what it took."""
    lines = rows(results)
    picture = figure(10.5, 1.7 + 0.36 * len(lines))
    axes = picture.subplots()
    for y, row in enumerate(lines):
        color = BLUE if row.ours else GREY
        spread = [[row.middle - row.least], [row.best - row.middle]]
        axes.errorbar(
            row.middle, y, xerr=spread, color=color, capsize=3,
            fmt="o" if row.ours else "none",
        )  # fmt: skip
        for (_, end), word in zip(COLUMNS, row.words, strict=True):
            _beside(axes, end, y, word, BLUE if row.ours else INK)
    for title, end in COLUMNS:
        _beside(axes, end, -0.9, title, GREY)
    axes.set_yticks(range(len(lines)), [row.name for row in lines])
    for label, row in zip(axes.get_yticklabels(), lines, strict=True):
        label.set(color=BLUE if row.ours else INK)
        label.set_fontweight("bold" if row.ours else "normal")
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("% of the test images right")
    picture.suptitle(
        "MNIST with few parameters: ours beside published nets\n"
        "Blue: ours, mean of ten seeds, bars from the least seed to the best "
        "(source: training/results/*.json)\n"
        "Grey: what their authors state of single runs (source: the table PUBLISHED in "
        "training/studies/compare.py)",
        x=0.01,
        ha="left",
        fontsize=9,
    )
    return picture


def _beside(axes: Any, end: int, y: float, word: str, color: str) -> None:
    """A word of the table right of the bars, `end` points from them."""
    axes.annotate(
        word, (1, y), (end, 0), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", va="center_baseline", color=color,
        fontsize=9, annotation_clip=False,
    )  # fmt: skip


@dataclass(frozen=True)
class Config:
    """Options of `esp8k compare`."""

    write: bool = False  # replace the committed picture


def main(argv: Sequence[str] | None = None) -> None:
    """Draw from the committed results."""
    config = parse(Config, argv, "compare", __doc__ or "")
    results = filed()
    if not results:
        raise Esp8kError("there are no results to compare", "run: make seeds MODEL=v2")
    target = (RESULTS if config.write else build_root()) / "comparison.png"
    store(draw(results), target)
    print(f"written to {target}")


if __name__ == "__main__":
    run(main)
