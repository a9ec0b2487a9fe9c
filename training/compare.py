"""Our models beside each other and beside what others have published.

    .venv/bin/python -m training.compare     # writes training/results/comparison.png

Ours: the mean over the seeds of `training/results/<model>.json`, with the least and
the best as a bar. Theirs: the range that they state; single runs, mostly the best of
many epochs on the test set.
"""

import json
import math
from dataclasses import dataclass
from typing import Any

from training import models
from training.errors import Esp8kError, run
from training.plots import BLUE, GREY, INK, figure, store
from training.seeds import RESULTS


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


def draw(results: list[dict[str, Any]]) -> Any:
    """Accuracy against parameters, multiply-accumulates and epochs."""
    picture = figure(10.5, 3.8)
    panels = picture.subplots(1, 3, sharey=True)
    titles = ("parameters", "multiply-accumulates", "epochs")
    for axes, title in zip(panels, titles, strict=True):
        axes.set(title=f"Against {title}", xlabel=title, xscale="log")
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
    panels[0].set_ylabel("% of the test images")
    ordered = sorted(results, key=lambda r: r["mean"])
    lowest = min(r["min"] for r in results)
    highest = max(
        *(r["max"] for r in results), *(other.accuracy[1] for other in PUBLISHED)
    )
    label_gap = (highest - lowest) / 14  # one line of text
    for key, axes in enumerate(panels):
        _ours(axes, ordered, key, label_gap)
    for other in PUBLISHED:
        beside = 1.3 if other.parameters < models.LIMIT else 1.0  # where ours stand
        _theirs(panels[0], other, other.parameters * beside)
        _theirs(panels[2], other, math.sqrt(other.epochs[0] * other.epochs[1]))
    panels[0].set_xlim(1_800, 100_000)
    _ticks(panels[0], {4_000: "4k", 8_000: "8k", 16_000: "16k", 33_000: "33k"})
    panels[2].set_xlim(0.6, 600)
    _ticks(panels[2], {n: str(n) for n in (5, 10, 20, 50, 100)})
    macs = [r["macs"] for r in results]
    _ticks(panels[1], {n * 1000: f"{n}k" for n in (100, 200, 400, 800, 1_600)})
    panels[1].set_xlim(min(macs) / 4, max(macs) * 2)
    counts = ", ".join(f"{r['model']} {r['n']}" for r in ordered)
    picture.suptitle(
        f"Blue: ours, mean of several seeds ({counts}) with the least and the best; "
        "at one place side by side. Grey: published, single runs",
        x=0.01,
        ha="left",
        fontsize=9,
    )
    return picture


def _ours(axes: Any, ordered: list[dict[str, Any]], key: int, label_gap: float) -> None:
    """Our models in one panel; those of nearly one place beside each other."""
    places = [(r["parameters"], r["macs"], r["recipe"]["epochs"])[key] for r in ordered]
    for members in neighbours(places):
        heights = apart([ordered[i]["mean"] for i in members], label_gap)
        # Labels stand in a column left of the leftmost, a thin line leads to each.
        column = min(places[i] for i in members) / 1.45
        for rank, i in enumerate(members):
            r, x = ordered[i], places[i]
            if len(members) > 1:
                x *= 1.09 ** (rank - len(members) / 2)
            spread = [[r["mean"] - r["min"]], [r["max"] - r["mean"]]]
            axes.errorbar(x, r["mean"], spread, fmt="o", color=BLUE, capsize=2)
            axes.annotate(
                r["model"], (x, r["mean"]), (column, heights[rank]), color=BLUE,
                va="center", ha="right", fontweight="bold",
                arrowprops={"arrowstyle": "-", "color": BLUE, "lw": 0.6, "shrinkB": 3},
            )  # fmt: skip


def neighbours(places: list[float], factor: float = 1.35) -> list[list[int]]:
    """Indices in groups that lie too near for labels beside each point."""
    groups: list[list[int]] = []
    for i in sorted(range(len(places)), key=lambda i: places[i]):
        if groups and places[i] < places[groups[-1][-1]] * factor:
            groups[-1].append(i)
        else:
            groups.append([i])
    return [sorted(group) for group in groups]


def apart(values: list[float], gap: float) -> list[float]:
    """Ascending values moved as little as it takes to lie `gap` from each other."""
    runs: list[tuple[float, int]] = []  # middle and length of what touches
    for value in values:
        runs.append((value, 1))
        while len(runs) > 1:
            (low, below), (high, above) = runs[-2:]
            if high - low >= gap * (below + above) / 2:
                break
            middle = (low * below + high * above) / (below + above)
            runs[-2:] = [(middle, below + above)]
    return [
        middle + gap * (i - (count - 1) / 2)
        for middle, count in runs
        for i in range(count)
    ]


def _theirs(axes: Any, other: Published, x: float) -> None:
    middle = sum(other.accuracy) / 2
    half = (other.accuracy[1] - other.accuracy[0]) / 2
    axes.errorbar(x, middle, half, fmt="D", color=GREY, capsize=3, markersize=5)
    axes.annotate(
        other.name, (x, middle), (12, 0), color=INK, fontsize=8,
        textcoords="offset points", va="center",
    )  # fmt: skip


def _ticks(axes: Any, labels: dict[int, str]) -> None:
    axes.set_xticks(list(labels), list(labels.values()))
    axes.minorticks_off()


def main() -> None:
    """Draw from the committed results."""
    paths = sorted(RESULTS.glob("*.json"))
    if not paths:
        raise Esp8kError("there are no results to compare", "run: make seeds MODEL=v2")
    results = [json.loads(path.read_text()) for path in paths]
    store(draw(results), RESULTS / "comparison.png")
    print(f"written to {RESULTS / 'comparison.png'}")


if __name__ == "__main__":
    run(main)
