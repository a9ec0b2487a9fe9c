"""Our models beside each other and beside what others have published.

    .venv/bin/python -m training.compare     # writes training/results/comparison.png

Ours: the mean over the seeds of `training/results/<model>.json`, with the least and
the best as a bar. Theirs: the range that they state; single runs, mostly the best of
many epochs on the test set.
"""

import json
from dataclasses import dataclass
from typing import Any

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
    picture = figure(10.5, 3.6)
    panels = picture.subplots(1, 3, sharey=True)
    titles = ("parameters", "multiply-accumulates", "epochs")
    for axes, title in zip(panels, titles, strict=True):
        axes.set(title=f"Against {title}", xlabel=title, xscale="log")
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.8)
        axes.set_axisbelow(True)
    panels[0].set_ylabel("% of the test images")
    ordered = sorted(results, key=lambda r: r["mean"])
    for r in ordered:
        places = (r["parameters"], r["macs"], r["recipe"]["epochs"])
        for axes, x in zip(panels, places, strict=True):
            spread = [[r["mean"] - r["min"]], [r["max"] - r["mean"]]]
            axes.errorbar(x, r["mean"], spread, fmt="o", color=BLUE, capsize=3)
            axes.annotate(
                r["model"], (x, r["mean"]), (-9, 0), color=BLUE,
                textcoords="offset points", va="center", fontweight="bold",
                ha="right",
            )  # fmt: skip
    for other in PUBLISHED:
        middle = sum(other.accuracy) / 2
        half = (other.accuracy[1] - other.accuracy[0]) / 2
        mean_epochs = (other.epochs[0] * other.epochs[1]) ** 0.5
        for axes, x in ((panels[0], other.parameters), (panels[2], mean_epochs)):
            axes.errorbar(x, middle, half, fmt="D", color=GREY, capsize=3, markersize=5)
            axes.annotate(
                other.name, (x, middle), (9, 0), color=INK, fontsize=8,
                textcoords="offset points", va="center",
            )  # fmt: skip
    panels[0].set_xlim(4_000, 80_000)
    panels[0].set_xticks([5_000, 8_000, 16_000, 33_000], ["5k", "8k", "16k", "33k"])
    panels[0].minorticks_off()
    panels[2].set_xlim(3, 400)
    panels[2].set_xticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
    panels[2].minorticks_off()
    _macs_ticks(panels[1], [r["macs"] for r in results])
    counts = ", ".join(f"{r['model']} {r['n']}" for r in ordered)
    picture.suptitle(
        f"Blue: ours, mean of several seeds ({counts}) with the least and the best. "
        "Grey: published, single runs",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return picture


def _macs_ticks(axes: Any, macs: list[int]) -> None:
    ticks = (100_000, 200_000, 400_000, 800_000, 1_600_000)
    axes.set_xticks(ticks, [f"{t // 1000}k" for t in ticks])
    axes.minorticks_off()
    axes.set_xlim(min(macs) / 2, max(macs) * 2)


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
