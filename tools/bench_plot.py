"""docs/bench.png: instructions and bytes of ours and of every rival, as bars.

    plot(rows, Path("docs/bench.png"))

Solid bars were measured here, hatched ones somewhere else: the mark is in the
legend, not in the colour.
"""

from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from tools.bench_rows import HERE, OURS, Row
from tools.bench_show import best, title

TARGET = "lx106"
MACS = 231_392  # the plot compares programs on networks of this size
LARGEST = 20_000_000  # instructions: beyond it a bar would flatten all others
INK, GREY, ACCENT = "#1f2328", "#a8b0b9", "#0b66c3"
BYTES = {  # what is stacked in the right half: colours of ours, of rivals
    "code": ("#0b66c3", "#7d8590"),
    "constants": ("#5da2e4", "#aab1ba"),
    "RAM": ("#b6d7f7", "#d5dae0"),
}
HATCH = "////"


def plot(rows: list[Row], path: Path) -> None:
    """Draw the figure; the same rows give the same picture."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams.update(
        {"font.size": 10, "hatch.linewidth": 0.7, "font.family": "DejaVu Sans"}
    )
    every = [row for row in best(rows, TARGET) if row.macs == MACS]
    bars = _one_each([row for row in every if (row.instructions or 0) <= LARGEST])
    bars.reverse()  # matplotlib's first bar is the lowest
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(12, 1.9 + 0.36 * len(bars)), sharey=True, width_ratios=(3, 2)
    )
    _instructions(left, bars)
    _memory(right, bars)
    figure.suptitle(
        "One digit on an emulated Xtensa lx106: fewer is better",
        x=0.01,
        ha="left",
        fontweight="bold",
        color=INK,
    )
    figure.text(0.01, 0.012, _footnote(every), fontsize=8, color="#59636e")
    figure.tight_layout(rect=(0, 0.035, 1, 0.985))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def _one_each(rows: list[Row]) -> list[Row]:
    """A program once: on v2 if it can, else on v1, else on v2 with ReLU."""
    order = ("v2", "v1")
    found: dict[str, Row] = {}
    for row in sorted(
        rows, key=lambda r: order.index(r.model) if r.model in order else 2
    ):
        found.setdefault(title(row), row)
    return sorted(found.values(), key=lambda row: row.instructions or 0)


def _instructions(axes: Axes, rows: list[Row]) -> None:
    for place, row in enumerate(rows):
        count = (row.instructions or 0) / 1e6
        ours = row.source == OURS
        axes.barh(
            place,
            count,
            color=ACCENT if ours else GREY,
            hatch=None if row.evidence == HERE else HATCH,
            edgecolor="white",
            linewidth=0,
        )
        axes.annotate(
            f"{count:.2f} M{_doubt(row)}",
            (count, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
            fontweight="bold" if ours else "normal",
        )
    axes.set_yticks(range(len(rows)), [_label(row) for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.source == OURS else "normal")
    axes.set_title("million instructions an inference (int8)", loc="left", fontsize=10)
    axes.margins(x=0.12, y=0.02)
    axes.legend(
        handles=[
            Patch(facecolor=ACCENT, label="esp8k, measured here"),
            Patch(facecolor=GREY, label="others, measured here"),
            Patch(
                facecolor=GREY,
                hatch=HATCH,
                edgecolor="white",
                label="measured elsewhere",
            ),
        ],
        loc="upper right",
        frameon=False,
        fontsize=9,
    )
    _bare(axes)


def _doubt(row: Row) -> str:
    """What is to be said of its outputs, if they are not TFLite Micro's."""
    text = row.exactness
    if text.startswith("yes"):
        return ""
    return "   not equal to TFLite Micro" if text == "no" else f"   {text}"


def _memory(axes: Axes, rows: list[Row]) -> None:
    for place, row in enumerate(rows):
        parts = (row.code_bytes, row.const_bytes, row.ram_bytes)
        known = [part for part in parts if part is not None]
        start = 0.0
        for part, colours in zip(parts, BYTES.values(), strict=True):
            axes.barh(
                place,
                (part or 0) / 1000,
                left=start,
                color=colours[0 if row.source == OURS else 1],
                hatch=None if row.evidence == HERE else HATCH,
                edgecolor="white",
                linewidth=0,
            )
            start += (part or 0) / 1000
        ram = f"RAM {(row.ram_bytes or 0) / 1000:.1f}"
        axes.annotate(
            f"{start:.1f}, of it {ram}" if len(known) == 3 else f"{ram}, rest unknown",
            (start, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    axes.set_title("kB in all", loc="left", fontsize=10)
    axes.margins(x=0.45, y=0.02)
    axes.legend(
        handles=[Patch(facecolor=c[1], label=name) for name, c in BYTES.items()],
        loc="lower right",
        bbox_to_anchor=(1, 0.985),
        ncols=3,
        columnspacing=1,
        handlelength=1.2,
        frameon=False,
        fontsize=9,
    )
    axes.tick_params(left=False)
    _bare(axes)


def _bare(axes: Axes) -> None:
    """No box; a light grid behind the bars."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.tick_params(length=0, colors=INK)
    axes.grid(axis="x", color="#e6e9ed", linewidth=0.8)
    axes.set_axisbelow(True)


def _label(row: Row) -> str:
    """Its name and, where it is not v2, the network that it could do."""
    return title(row) if row.model == "v2" else f"{title(row)}  [{row.model}]"


def _footnote(rows: list[Row]) -> str:
    text = (
        f"All networks have {MACS:,} MACs. Others at their best of -O2, -O3 and "
        "-fno-schedule-insns, by the same gcc. RAM without stack, input and output."
    )
    away = [row for row in rows if (row.instructions or 0) > LARGEST]
    named = {
        row.source: f"{(row.instructions or 0) / 1e6:.0f} M" for row in reversed(away)
    }
    for name, count in named.items():
        text += f" Not drawn: {name}, {count}."
    return text
