"""The pictures of one training run, as PNGs beside the checkpoint.

learning-curves.png   loss, accuracy and learning rate over the epochs
confusion.png         which digit is taken for which
confidence.png        errors of each class, what a probability is worth, rejection
misclassified.png     every test image that the model gets wrong
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.checkpoint import PICTURES
from training.evaluate import Evaluation
from training.figure import BLUE, FAINT, GREY, INK, PALE, RED, figure, store
from training.fit import Epoch
from training.schedule import Recipe, schedule

SHEET_LIMIT = 160  # images on the sheet of mistakes
COLUMNS = 12
CELL = (45, 34)  # rows and columns that a digit with its captions takes


@dataclass(frozen=True)
class Run:
    """What the pictures say about the run beside its predictions."""

    title: str
    history: list[Epoch]
    recipe: Recipe
    temperature: float
    classes: tuple[str, ...]  # names, in the order of the labels

    def named(self) -> bool:
        """Whether they are words, which take more room than digits."""
        return any(len(name) > 2 for name in self.classes)


def _share(result: Evaluation) -> str:
    wrong, count = len(result.wrong), len(result.labels)
    return f"{wrong:,} of {count:,} wrong, {result.accuracy:.2f} % right"


def draw(
    folder: Path,
    run: Run,
    result: Evaluation,
    images: np.ndarray,
    doubtful: Sequence[int] = (),
) -> None:
    """Write all pictures of a run into `folder`; `doubtful` labels get a mark."""
    curves, table, shares, wrong = (folder / name for name in PICTURES)
    learning_curves(curves, run)
    confusion(table, run, result)
    trust(shares, run, result)
    misclassified(wrong, run, result, images, doubtful)


def learning_curves(path: Path, run: Run) -> None:
    """Loss, error and learning rate, one panel each."""
    from matplotlib.ticker import MaxNLocator

    title, history, recipe = run.title, run.history, run.recipe
    epochs = [e.epoch for e in history]
    picture = figure(10.5, 3.4)
    left, middle, right = picture.subplots(1, 3)
    left.plot(epochs, [e.loss for e in history], "o-", color=BLUE)
    label = "of label and teacher" if recipe.distill else "cross-entropy"
    left.set(title="Training loss", yscale="log", ylabel=label)
    middle.plot(
        epochs, [100 - e.train_accuracy for e in history], "o-", color=GREY,
        label="training, augmented, live weights",
    )  # fmt: skip
    tested = [(e.epoch, 100 - e.accuracy) for e in history if e.accuracy is not None]
    if tested:
        # The average still holds the first weights while the run is young.
        weights = "averaged" if recipe.ema else "live"
        label = f"test, {weights} weights"
        middle.plot(*zip(*tested, strict=True), "o-", color=BLUE, label=label)
        last_epoch, last = tested[-1]
        middle.annotate(
            f"{last:.2f} %", (last_epoch, last), (8, 0), textcoords="offset points",
            va="center", color=BLUE, fontweight="bold",
        )  # fmt: skip
    middle.set(title="Errors", yscale="log", ylabel="% of images")
    middle.legend(fontsize=8)
    points = 400
    rates = [schedule(step, points, recipe)[0] for step in range(points)]
    right.plot(np.linspace(0, recipe.epochs, points), rates, color=BLUE)
    right.set(title="Learning rate", ylim=(0, None))
    for axes in (left, middle, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
        _plain_log_ticks(axes)
    passes = "1 epoch" if len(history) == 1 else f"{len(history)} epochs"
    picture.suptitle(f"{title}: {passes}", x=0.01, ha="left")
    store(picture, path)


def _plain_log_ticks(axes: Any) -> None:
    """0.5, 1, 2 instead of 10^0; a short log axis would otherwise have no label."""
    if axes.get_yscale() != "log":
        return
    from matplotlib.ticker import FuncFormatter, LogLocator

    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()


def confusion(path: Path, run: Run, result: Evaluation) -> None:
    """Counts of true against predicted class; only mistakes are coloured."""
    from matplotlib.colors import to_rgb

    counts = result.confusion()
    wrong = counts - np.diag(np.diag(counts))
    size = len(counts)
    picture = figure(6.4, 5.6)
    axes = picture.subplots()
    ground = np.where(np.eye(size, dtype=bool)[..., None], to_rgb(PALE), to_rgb(FAINT))
    axes.imshow(ground)
    shades = np.ma.masked_equal(wrong, 0)  # the ground where nothing went wrong
    axes.imshow(
        shades, cmap="Reds", vmin=-wrong.max() * 0.15, vmax=max(1, wrong.max()) * 1.25
    )
    for true in range(size):
        for predicted in range(size):
            count = counts[true, predicted]
            if count == 0:
                continue
            dark = true != predicted and count > wrong.max() * 0.75
            color = "white" if dark else INK
            axes.text(
                predicted, true, f"{count:,}", ha="center", va="center",
                color=color, fontsize=9,
            )  # fmt: skip
    axes.set_xticks(range(size), run.classes, rotation=90 if run.named() else 0)
    axes.set_yticks(range(size), run.classes)
    axes.set(xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(size - 1) + 0.5, minor=True)  # where cells meet
    axes.set_yticks(np.arange(size - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.set_title(f"{run.title}: {_share(result)}")
    store(picture, path)


def trust(path: Path, run: Run, result: Evaluation) -> None:
    """Errors of each class, confidence against accuracy, and rejection."""
    picture = figure(10.5, 3.4)
    left, middle, right = picture.subplots(1, 3)
    wrong = result.predicted != result.labels
    labels = np.arange(result.logits.shape[1])
    shares = [100 * wrong[result.labels == label].mean() for label in labels]
    left.bar(labels, shares, color=BLUE)
    left.set(title="Errors of each class", xlabel="true class", ylabel="% wrong")
    left.set_xticks(labels, run.classes, rotation=90 if run.named() else 0)
    _reliability(middle, run, result)
    sure = result.probabilities(run.temperature).max(1)
    rejected = np.arange(0, min(501, len(wrong)))
    order = np.argsort(sure, kind="stable")  # least sure first
    remaining = wrong.sum() - np.concatenate([[0], np.cumsum(wrong[order])])[rejected]
    errors = 100 * remaining / (len(wrong) - rejected)
    right.plot(100 * rejected / len(wrong), errors, color=BLUE)
    right.axhline(0.1, color=GREY, linewidth=0.8, linestyle="--")
    right.text(
        1, 0.105, "99.9 % right", color=GREY, ha="right", va="bottom", size=8,
        transform=right.get_yaxis_transform(),
    )  # fmt: skip
    right.set(title="Errors after rejection", ylim=(0, None))
    right.set(
        xlabel="% of images rejected, least sure first", ylabel="% wrong of the rest"
    )
    picture.suptitle(f"{run.title}: how far to trust it", x=0.01, ha="left")
    store(picture, path)


def _reliability(axes: Any, run: Run, result: Evaluation) -> None:
    """Accuracy in ten bins of equal confidence width; bins of under 5 are left out."""
    right = result.predicted == result.labels
    least = 30.0
    axes.plot(
        [0, 100], [0, 100], color=GREY, linewidth=0.8, linestyle="--",
        label="as sure as right",
    )  # fmt: skip
    styles = [(1.0, RED, "o-"), (run.temperature, BLUE, "s-")]
    if run.temperature == 1.0:
        styles = styles[1:]
    for temperature, color, style in styles:
        sure = result.probabilities(temperature).max(1)
        bins = np.minimum((sure * 10).astype(int), 9)
        full = [b for b in range(10) if (bins == b).sum() >= 5]
        least = min([least, *(10.0 * b for b in full)])
        x = [100 * sure[bins == b].mean() for b in full]
        y = [100 * right[bins == b].mean() for b in full]
        if color == BLUE:  # how many images a point stands for
            for b in full:
                count = f"{(bins == b).sum():,}"
                axes.text(10 * b + 5, 2, count, color=GREY, fontsize=8, ha="center")
        label = "as trained" if color == RED else f"temperature {temperature:.2f}"
        axes.plot(x, y, style, color=color, label=label, clip_on=False)
    axes.set(title="Reliability; images in each bin", ylabel="% right")
    axes.set_xlabel("confidence, %")
    axes.set(xlim=(least, 100), ylim=(0, 100))
    axes.legend(fontsize=8, loc="upper left")


def misclassified(
    path: Path,
    run: Run,
    result: Evaluation,
    images: np.ndarray,
    doubtful: Sequence[int] = (),
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
        mark = "*" if index in doubtful else ""
        axes.text(
            x + 14, y - 2, _told(run, result, int(index)) + mark, ha="center",
            va="bottom", color=BLUE if mark else RED, fontweight="bold",
            fontsize=6.5 if run.named() else 10, linespacing=1,
        )  # fmt: skip
        axes.text(
            x + 14, y + 29, f"#{index}  {100 * sure[index]:.0f} %", ha="center",
            va="top", color=GREY, fontsize=6.5,
        )  # fmt: skip
    axes.imshow(sheet, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    title = _sheet_title(run, result, wrong, doubtful)
    picture.suptitle(title, x=0.01, ha="left", fontsize=11)
    store(picture, path)


def _sheet_title(
    run: Run, result: Evaluation, wrong: np.ndarray, doubtful: Sequence[int]
) -> str:
    """How many are wrong, how many of them are drawn, and what stands beside each."""
    shown = "" if len(wrong) == len(result.wrong) else f", the first {len(wrong)}"
    marked = sum(int(index) in doubtful for index in wrong)
    note = f"; * {marked} with a label that people doubt" if marked else ""
    return (
        f"{run.title}: {_share(result)}{shown}, surest first: true → predicted, "
        f"#index, confidence{note}"
    )


def _told(run: Run, result: Evaluation, index: int) -> str:
    """An image's true class and the predicted one; names stand on two lines."""
    true, predicted = (
        run.classes[labels[index]] for labels in (result.labels, result.predicted)
    )
    between = "\n→ " if run.named() else " → "
    return f"{true}{between}{predicted}"
