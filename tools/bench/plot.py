"""docs/bench.png: instructions and bytes of ours and of every rival, as bars.

    plot(rows, Path("docs/bench.png"))

A group for each of our sizes of network, one for the shapes of MLPerf Tiny. Solid bars
were measured here, hatched ones somewhere else: the mark is in the legend, not in the
colour.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from tools.bench.mlperf_shapes import SHAPES
from tools.bench.rows import HERE, OURS, Row
from tools.bench.show import best, title

TARGET = "lx106"
SIZES = ("v3-small", "v2", "v3")  # networks that head a group; v1 is of v2's size
LARGEST = 20_000_000  # instructions: beyond it a bar would flatten all others
MLPERF_PROFILE = "speed"
INK, GREY, ACCENT = "#1f2328", "#a8b0b9", "#0b66c3"
BYTES = {  # what is stacked in the right half: colours of ours, of rivals
    "code": ("#0b66c3", "#7d8590"),
    "constants": ("#5da2e4", "#aab1ba"),
    "RAM": ("#b6d7f7", "#d5dae0"),
}
HATCH = "////"


@dataclass(frozen=True)
class Group:
    """Rows that are drawn on common axes, the best last: a bar chart starts below."""

    title: str
    model: str  # the network of those whose label names none
    rows: list[Row]
    arena_only: bool = False  # compare RAM with input and output, nothing else


def plot(rows: list[Row], path: Path) -> None:
    """Draw the figure; the same rows give the same picture."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams.update(
        {"font.size": 10, "hatch.linewidth": 0.7, "font.family": "DejaVu Sans"}
    )
    groups = _groups(rows)
    counts = [len(group.rows) for group in groups]
    figure, axes = pyplot.subplots(
        len(groups),
        2,
        figsize=(12, 1.0 + sum(0.9 + 0.36 * count for count in counts)),
        sharey="row",
        squeeze=False,
        width_ratios=(3, 2),
        height_ratios=counts,
    )
    for group, (left, right) in zip(groups, axes, strict=True):
        _instructions(left, group)
        _memory(right, group)
    _legends(axes[counts.index(max(counts))][0], axes[0][1])  # where ours leave room
    figure.suptitle(
        "One inference, int8: fewer is better",
        x=0.01,
        ha="left",
        fontweight="bold",
        color=INK,
    )
    figure.text(0.01, 0.008, _footnote(rows), fontsize=8, color="#59636e")
    inches = figure.get_figheight()
    figure.tight_layout(rect=(0, 0.45 / inches, 1, 1 - 0.1 / inches), h_pad=1.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def _groups(rows: list[Row]) -> list[Group]:
    """Networks of the size of one of ours, and the shapes of MLPerf Tiny."""
    counted = best(rows, TARGET)
    found = []
    for model in SIZES:
        macs = {row.macs for row in counted if row.model == model and row.macs}
        same = [row for row in counted if row.macs in macs and row.model not in SHAPES]
        few = [row for row in same if (row.instructions or 0) <= LARGEST]
        if few:
            size = f"{model}, {min(macs):,} MACs, emulated {TARGET}"
            found.append(Group(size, model, _one_each(few, model)[::-1]))
    shapes = [
        row
        for name in reversed(SHAPES)
        for row in rows
        if (row.model, row.target) == (name, "host")
        and row.instructions
        and (row.source == "TFLite Micro" or row.profile == MLPERF_PROFILE)
    ]
    if shapes:
        shapes.sort(key=lambda r: (-SHAPES.index(r.model), r.source == OURS))
        found.append(Group("MLPerf Tiny's shapes, on the host", "", shapes, True))
    return found


def _one_each(rows: list[Row], model: str) -> list[Row]:
    """A program once: on `model` if it can, else on v1, else on v2 with ReLU."""
    order = (model, "v1")
    found: dict[str, Row] = {}
    for row in sorted(
        rows, key=lambda r: order.index(r.model) if r.model in order else 2
    ):
        found.setdefault(title(row), row)
    return sorted(found.values(), key=lambda row: row.instructions or 0)


def _instructions(axes: Axes, group: Group) -> None:
    rows = group.rows
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
            f"{count:.{2 if count < 10 else 1}f} M{_doubt(row)}",
            (count, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
            fontweight="bold" if ours else "normal",
        )
    axes.set_yticks(range(len(rows)), [_label(row, group) for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.source == OURS else "normal")
    axes.set_title(f"Million instructions: {group.title}", loc="left", fontsize=10)
    axes.margins(x=0.12, y=0.02)
    _bare(axes)


def _legends(left: Axes, right: Axes) -> None:
    left.legend(
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
    right.legend(
        handles=[Patch(facecolor=c[1], label=name) for name, c in BYTES.items()],
        loc="lower right",
        bbox_to_anchor=(1, 0.985),
        ncols=3,
        columnspacing=1,
        handlelength=1.2,
        frameon=False,
        fontsize=9,
    )


def _doubt(row: Row) -> str:
    """What is to be said of its outputs, if they are not TFLite Micro's."""
    text = row.exactness
    if text.startswith("yes"):
        return ""
    return "   not equal to TFLite Micro" if text == "no" else f"   {text}"


def _memory(axes: Axes, group: Group) -> None:
    for place, row in enumerate(group.rows):
        parts = (row.code_bytes, row.const_bytes, row.ram_bytes)
        if group.arena_only:
            parts = (0, 0, (row.ram_bytes or 0) + (row.io_bytes or 0))
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
        axes.annotate(
            _bytes(parts),
            (start, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=INK,
        )
    what = "kB of RAM, with input and output" if group.arena_only else "kB in all"
    axes.set_title(what, loc="left", fontsize=10)
    axes.margins(x=0.45, y=0.02)
    axes.tick_params(left=False)
    _bare(axes)


def _bytes(parts: tuple[int | None, ...]) -> str:
    """What to write behind the bar."""
    ram = f"{(parts[-1] or 0) / 1000:.1f}"
    if parts[:2] == (0, 0):
        return ram
    if None in parts:
        return f"RAM {ram}, rest unknown"
    return f"{sum(part or 0 for part in parts) / 1000:.1f}, of it RAM {ram}"


def _bare(axes: Axes) -> None:
    """No box; a light grid behind the bars."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.tick_params(length=0, colors=INK)
    axes.grid(axis="x", color="#e6e9ed", linewidth=0.8)
    axes.set_axisbelow(True)


def _label(row: Row, group: Group) -> str:
    """Its name and, where it is not the group's, the network that it could do."""
    return title(row) if row.model == group.model else f"{title(row)}  [{row.model}]"


def _footnote(rows: list[Row]) -> str:
    text = (
        "Others at their best of -O2, -O3, -fno-schedule-insns and our flags, same "
        "gcc; TFLite Micro on this computer is PyPI's wheel. "
        "RAM without stack, and without input and output where not said."
    )
    named = {
        row.source: f"{(row.instructions or 0) / 1e6:.0f} M"
        for row in best(rows, TARGET)
        if row.source != OURS and (row.instructions or 0) > LARGEST
    }
    away = [f"{name}, {count}" for name, count in named.items()]
    return text + (f"\nNot drawn: {'; '.join(away)}." if away else "")
