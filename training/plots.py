"""The pictures of one training run, as PNGs beside the checkpoint.

learning-curves.png   loss, accuracy and learning rate over the epochs
confusion.png         which digit is taken for which
misclassified.png     every test image that the model gets wrong
"""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from training.evaluate import Evaluation
from training.fit import Epoch, Recipe, schedule

INK, BLUE, RED, GREY = "#222222", "#1f6fb4", "#c8442b", "#8a8a8a"
SHEET_LIMIT = 160  # images on the sheet of mistakes
COLUMNS = 12
CELL = (45, 34)  # rows and columns that a digit with its captions takes


def draw(
    folder: Path,
    title: str,
    history: list[Epoch],
    recipe: Recipe,
    result: Evaluation,
    images: np.ndarray,
) -> None:
    """Write all pictures of a run into `folder`."""
    learning_curves(folder / "learning-curves.png", title, history, recipe)
    confusion(folder / "confusion.png", title, result)
    misclassified(folder / "misclassified.png", title, result, images)


def figure(width: float, height: float) -> Any:
    """A blank figure in our style; no display is needed."""
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
            "legend.frameon": False,
        }
    )
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=140)


def store(picture: Any, path: Path) -> None:
    """Write a PNG atomically and without dates, so equal runs give equal files."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", metadata={"Software": None})
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    partial.write_bytes(buffer.getvalue())
    partial.replace(path)


def learning_curves(
    path: Path, title: str, history: list[Epoch], recipe: Recipe
) -> None:
    """Loss, error and learning rate, one panel each."""
    epochs = [e.epoch for e in history]
    picture = figure(10.5, 3.4)
    left, middle, right = picture.subplots(1, 3)
    left.plot(epochs, [e.loss for e in history], "o-", color=BLUE)
    left.set(title="Training loss", yscale="log", ylabel="cross-entropy")
    middle.plot(
        epochs, [100 - e.train_accuracy for e in history], "o-", color=GREY,
        label="training, augmented, live weights",
    )  # fmt: skip
    tested = [(e.epoch, 100 - e.accuracy) for e in history if e.accuracy is not None]
    if tested:
        middle.plot(*zip(*tested, strict=True), "o-", color=BLUE, label="test")
        last_epoch, last = tested[-1]
        middle.annotate(
            f"{last:.2f} %", (last_epoch, last), (0, 8), textcoords="offset points",
            ha="center", color=BLUE, fontweight="bold",
        )  # fmt: skip
    middle.set(title="Errors", yscale="log", ylabel="% of images")
    middle.legend(fontsize=8)
    points = 400
    rates = [schedule(step, points, recipe)[0] for step in range(points)]
    right.plot(np.linspace(0, recipe.epochs, points), rates, color=BLUE)
    right.set(title="Learning rate", ylim=(0, None))
    for axes in (left, middle, right):
        axes.set_xlabel("epoch")
        axes.set_xticks(epochs if axes is not right else [0, *epochs])
        _plain_log_ticks(axes)
    picture.suptitle(f"{title}: {len(history)} epochs", x=0.01, ha="left")
    store(picture, path)


def _plain_log_ticks(axes: Any) -> None:
    """0.5, 1, 2 instead of 10^0; a short log axis would otherwise have no label."""
    if axes.get_yscale() != "log":
        return
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def confusion(path: Path, title: str, result: Evaluation) -> None:
    """Counts of true against predicted class; only mistakes are coloured."""
    counts = result.confusion()
    wrong = counts - np.diag(np.diag(counts))
    size = len(counts)
    picture = figure(6.4, 5.6)
    axes = picture.subplots()
    shades = np.ma.masked_equal(wrong, 0)  # white where nothing went wrong
    axes.imshow(
        shades, cmap="Reds", vmin=-wrong.max() * 0.15, vmax=max(1, wrong.max()) * 1.25
    )
    for true in range(size):
        for predicted in range(size):
            count = counts[true, predicted]
            if count == 0:
                continue
            dark = true != predicted and count > wrong.max() * 0.75
            color = "white" if dark else GREY if true == predicted else INK
            axes.text(
                predicted, true, f"{count:,}", ha="center", va="center",
                color=color, fontsize=9,
            )  # fmt: skip
    axes.set_xticks(range(size), range(size))
    axes.set_yticks(range(size), range(size))
    axes.set(xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(
        f"{title}: {len(result.wrong)} of {len(result.labels):,} wrong "
        f"({result.accuracy:.2f} %)"
    )
    store(picture, path)


def misclassified(
    path: Path, title: str, result: Evaluation, images: np.ndarray
) -> None:
    """Every mistake with its true and predicted label, the surest mistake first."""
    wrong = result.wrong[:SHEET_LIMIT]
    sure = result.probabilities().max(1)
    rows = max(1, -(-len(wrong) // COLUMNS))
    picture = figure(COLUMNS * 0.92, rows * 1.22 + 0.5)
    axes = picture.subplots()
    axes.axis("off")
    # One cell is CELL wide and high in data units; the digit itself is 28 of them.
    sheet = np.zeros((rows * CELL[0], COLUMNS * CELL[1]), np.uint8)
    for place, index in enumerate(wrong):
        y, x = place // COLUMNS * CELL[0] + 9, place % COLUMNS * CELL[1] + 3
        sheet[y : y + 28, x : x + 28] = images[index]
        true, predicted = result.labels[index], result.predicted[index]
        axes.text(
            x + 14, y - 2, f"{true} → {predicted}", ha="center", va="bottom",
            color=RED, fontweight="bold", fontsize=10,
        )  # fmt: skip
        axes.text(
            x + 14, y + 29, f"#{index}  {100 * sure[index]:.0f} %", ha="center",
            va="top", color=GREY, fontsize=6.5,
        )  # fmt: skip
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    shown = "" if len(wrong) == len(result.wrong) else f", the first {len(wrong)}"
    picture.suptitle(
        f"{title}: the {len(result.wrong)} misclassified test images{shown}, surest "
        "first: true → predicted, #index, confidence",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    store(picture, path)
