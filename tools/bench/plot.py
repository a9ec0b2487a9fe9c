"""docs/bench.png: instructions and bytes of ours and of every rival, as bars.

    plot(rows, Path("docs/bench.png"))

A panel a core, all with one scale, so that a bar of one may be laid beside that of
another. Solid bars were measured here, hatched ones somewhere else: the mark is in the
legend, not in the colour.
"""

from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tools.bench import cores
from tools.bench.rows import HERE, OURS, Row
from tools.bench.show import title

NETWORKS = ("v2", "v2 with ReLU", "v3")
DRAWN = cores.CORES[:3]  # Xtensa's; RISC-V runs the same portable C as the first
INK, GREY, ACCENT = "#1f2328", "#a8b0b9", "#0b66c3"
BYTES = {  # what is stacked in the right half: colours of ours, of rivals
    "code": ("#0b66c3", "#7d8590"),
    "constants": ("#5da2e4", "#aab1ba"),
    "RAM": ("#b6d7f7", "#d5dae0"),
}
HATCH = "////"
FOOTNOTE = (
    "v2: 192,512 effective MACs, v3: 861,400. Others at their best of -O2 and -O3; "
    "ESP-NN's convolutions alone on the LX6. RAM without stack, input, output.\n"
    "Emulated: ours on QEMU's lx106 and de212, the S3's counted in its translated "
    "text; nothing was measured on a chip."
)


@dataclass(frozen=True)
class Group:
    """Rows of one core, the best last: a bar chart starts below."""

    title: str
    rows: list[Row]


def plot(rows: list[Row], path: Path) -> None:
    """Draw the figure; the same rows give the same picture."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams.update(
        {"font.size": 10, "hatch.linewidth": 0.7, "font.family": "DejaVu Sans"}
    )
    groups = grouped(rows)
    counts = [len(group.rows) for group in groups]
    figure, axes = pyplot.subplots(
        len(groups),
        2,
        figsize=(12, 1.2 + sum(0.9 + 0.32 * count for count in counts)),
        sharex="col",
        sharey="row",
        squeeze=False,
        width_ratios=(3, 2),
        height_ratios=counts,
    )
    for group, (left, right) in zip(groups, axes, strict=True):
        _instructions(left, group)
        _memory(right, group)
        for side in (left, right):
            side.tick_params(labelbottom=True)
            _part(side, group)
    _legends(axes[0][0], axes[0][1])
    _labels(figure, *axes[-1])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})
    pyplot.close(figure)


def grouped(rows: list[Row]) -> list[Group]:
    """The cores that have rows, each with v2's and v3's networks."""
    found = []
    for core in DRAWN:
        own = [r for r in cores.of(core, rows) if r.model in NETWORKS]
        own = [r for r in own if r.engine == "int8"]
        own.sort(key=lambda r: (r.model == "v3", r.instructions or 0))
        if own:
            found.append(Group(core.title, own[::-1]))
    return found


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
        text = f"{count:.{_digits(count)}f} M{_doubt(row)}"
        _behind(axes, text, count, place, "bold" if ours else "normal")
    axes.set_yticks(range(len(rows)), [f"{title(row)}  [{row.model}]" for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.source == OURS else "normal")
    axes.set_title(group.title.partition(";")[0], loc="left", fontsize=10)
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


def _digits(count: float) -> int:
    """Behind the point, of millions."""
    return 3 if count < 0.1 else 2 if count < 10 else 1


def _doubt(row: Row) -> str:
    """What is to be said of its outputs, if they are not TFLite Micro's."""
    text = row.exactness
    if text.startswith("yes"):
        return ""
    return "   not equal to TFLite Micro" if text == "no" else f"   {text}"


def _memory(axes: Axes, group: Group) -> None:
    for place, row in enumerate(group.rows):
        parts = (row.code_bytes, row.const_bytes, row.ram_bytes)
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
        _behind(axes, _bytes(parts), start, place)
    axes.margins(x=0.45, y=0.02)
    axes.tick_params(left=False)
    _bare(axes)


def _behind(
    axes: Axes, text: str, end: float, place: float, weight: str = "normal"
) -> None:
    """Write a figure behind the bar that ends there."""
    axes.annotate(
        text,
        (end, place),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
        color=INK,
        fontweight=weight,
    )


def _bytes(parts: tuple[int | None, ...]) -> str:
    """What to write behind the bar."""
    ram = f"{(parts[-1] or 0) / 1000:.1f}"
    if parts == (None, None, None):
        return "not known"
    if None in parts:
        return f"RAM {ram}, rest unknown"
    return f"{sum(part or 0 for part in parts) / 1000:.1f}, of it RAM {ram}"


def _labels(figure: Figure, left: Axes, right: Axes) -> None:
    """What the axes of the lowest panel count, the title, the footnote; their room."""
    left.set_xlabel("million instructions, the same scale in every panel")
    right.set_xlabel("kB")
    figure.suptitle(
        "One int8 inference: fewer is better",
        x=0.01,
        ha="left",
        fontweight="bold",
        color=INK,
    )
    figure.text(0.01, 0.008, FOOTNOTE, fontsize=8, color="#59636e")
    inches = figure.get_figheight()
    figure.tight_layout(rect=(0, 0.45 / inches, 1, 1 - 0.1 / inches), h_pad=1.5)


def _part(axes: Axes, group: Group) -> None:
    """A line between v2's networks and v3, which has four times the work."""
    larger = sum(row.model == "v3" for row in group.rows)  # they are lowest
    if 0 < larger < len(group.rows):
        axes.axhline(larger - 0.5, color=GREY, linewidth=0.8, linestyle=(0, (4, 3)))


def _bare(axes: Axes) -> None:
    """No box; a light grid behind the bars."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(GREY)
    axes.tick_params(length=0, colors=INK)
    axes.grid(axis="x", color="#e6e9ed", linewidth=0.8)
    axes.set_axisbelow(True)
