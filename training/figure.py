"""A blank figure in our style, and how it becomes a file: the same bytes every time.

picture = figure(8, 5)          # inches; matplotlib's Figure
axes = picture.subplots()
store(picture, path)
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from core import files

if TYPE_CHECKING:  # not every command that could draws
    from matplotlib.figure import Figure

INK, BLUE, RED, GREY = "#222222", "#1f6fb4", "#c8442b", "#8a8a8a"
FAINT, PALE = "#f6f6f6", "#e6e6e6"  # the ground of a table; its diagonal, grid lines


def figure(width: float, height: float) -> "Figure":
    """A blank figure in our style, in inches; no display is needed."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update(
        {
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": GREY,
            "axes.titleweight": "bold",
            "axes.titlesize": 11,
            "axes.titlelocation": "left",
            "text.color": INK,
            "axes.labelcolor": INK,
            "xtick.color": GREY,
            "ytick.color": GREY,
            "xtick.labelcolor": INK,
            "ytick.labelcolor": INK,
            "lines.markersize": 5,
            "legend.frameon": False,
        }
    )
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=140)


def store(picture: "Figure", path: Path) -> None:
    """Write a PNG atomically and without dates, so equal runs give equal files."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", metadata={"Software": None})
    files.write_bytes(path, buffer.getvalue())
