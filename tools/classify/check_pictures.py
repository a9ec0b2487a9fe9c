"""How many pictures of digits are read rightly, by kind, and how sure that was.

    esp8k check-pictures --folder FOLDER --model v3
    esp8k check-pictures                # pictures drawn by script

A folder holds pictures and a labels.json, {"a.jpg": {"label": 7, "kind": "pencil"}};
a label of null says that it holds no single digit, so that nothing sure is right.
Without a folder, pictures of every kind of `tools.classify.looks` are drawn, and MNIST
test images are pasted on plain paper, ten times as many. Exit
code 1 where fewer than `--least` percent of the digits are right. The network runs in
PyTorch: the preparation is what is judged, not the arithmetic.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from core import paths
from core.cli import SEEDS, parse, require_range
from core.doubt import NO_DIGIT, SURE, Doubt
from core.errors import CheckFailed, Esp8kError
from core.picture import labelled
from core.picture.image import Reading, read
from core.picture.opening import open_picture
from core.program import run
from core.saying import say
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from tools.classify import scenes
from tools.classify.looks import KINDS
from training import checkpoint
from training.data import load
from training.doubt.decision import doubt_of, model_logits

Array = np.ndarray
BICUBIC = Image.Resampling.BICUBIC
PASTED = "MNIST, pasted"  # the kind of picture that `pasted` draws


@dataclass(frozen=True)
class Config:
    """Options of `esp8k check-pictures`."""

    folder: Path | None = None  # pictures and labels.json; drawn if absent
    model: ModelName = DEFAULT_MODEL  # which network
    count: int = 3  # drawn pictures a kind
    seed: int = 0  # of the first drawn picture
    least: float = 90.0  # percent of the digits that must be right
    json: bool = False  # print the counts as JSON


@dataclass
class Row:
    """Counts of one kind of picture."""

    right: int = 0  # the class, sure or not
    wrong: int = 0
    refused: int = 0  # nothing found, several digits, or no digit
    unsure: int = 0  # of those right and wrong
    wrong_but_sure: int = 0

    def add(self, other: "Row") -> None:
        """Sum up."""
        for name, value in asdict(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class Case:
    """One picture with what is known of it."""

    name: str
    picture: Image.Image | Path
    label: int | None
    kind: str


class Judge:
    """A shipped or trained network and its doubt."""

    def __init__(self, model: str) -> None:
        point = checkpoint.load(paths.checkpoint(model), model)
        self.module = point.module()
        doubt = doubt_of(point, load(), say)
        if doubt is None:
            raise Esp8kError(f"{model} is no model of digits", "use another MODEL")
        self.doubt: Doubt = doubt

    def __call__(self, pixels: Array) -> tuple[int, int]:
        """Class and decision of one (28, 28) image."""
        logits = model_logits(self.module, pixels[None])
        return int(logits.argmax()), int(self.doubt.decide(pixels[None], logits)[0])


def judged(case: Case, judge: Judge) -> Row:
    """The counts of one picture; several sure digits are no single one."""
    try:
        picture = case.picture
        if isinstance(picture, Path):
            picture = open_picture(picture)
        found = read(picture, case.name)
    except Esp8kError:
        return Row(refused=1)
    answers = [judge(digit.pixels) for digit in found.digits]
    if several(found, answers):
        return Row(refused=1)
    label, decision = answers[found.main]
    if decision == NO_DIGIT:
        return Row(refused=1)
    right = label == case.label
    sure = decision == SURE and not found.partial
    return Row(
        right=int(right),
        wrong=int(not right),
        unsure=int(not sure),
        wrong_but_sure=int(sure and not right),
    )


def several(found: Reading, answers: list[tuple[int, int]]) -> bool:
    """Whether more than one digit stands there."""
    return len(found.digits) > 1 and sum(d != NO_DIGIT for _, d in answers) > 1


def from_folder(folder: Path) -> Iterable[Case]:
    """The cases of a folder, in the order of its labels.json."""
    for told in labelled.entries(folder):
        yield Case(told.path.name, told.path, told.label, told.kind)


def drawn(count: int, seed: int) -> Iterable[Case]:
    """Pictures of every kind of scene."""
    digits = scenes.training_digits()
    for kind in KINDS:
        made = scenes.numbered(kind, count, seed, digits)
        for i, (picture, label) in enumerate(made):
            yield Case(f"{kind} {i}", Image.fromarray(picture), label, kind)
    yield from pasted(10 * count, seed)


def pasted(count: int, seed: int) -> Iterable[Case]:
    """MNIST test images at random sizes and places on plain paper, light or dark."""
    data = load()
    rng = np.random.default_rng(seed)
    for i in rng.choice(len(data.test_labels), count, replace=False).tolist():
        height, width = (int(v) for v in rng.integers(200, 700, 2))
        side = int(rng.integers(40, int(0.95 * min(height, width))))
        digit = Image.fromarray(data.test_images[i]).resize((side, side), BICUBIC)
        top, left = int(rng.integers(height - side)), int(rng.integers(width - side))
        page = np.zeros((height, width))
        page[top : top + side, left : left + side] = np.asarray(digit) / 255
        paper, ink = rng.uniform(170, 255), rng.uniform(0, 80)
        if rng.random() < 0.2:  # chalk
            paper, ink = ink, paper
        picture = Image.fromarray(np.uint8(paper + (ink - paper) * page))
        yield Case(f"{PASTED} {i}", picture, int(data.test_labels[i]), PASTED)


def count(cases: Iterable[Case], judge: Judge) -> dict[str, Row]:
    """Counts by kind."""
    rows: dict[str, Row] = {}
    for case in cases:
        rows.setdefault(case.kind, Row()).add(judged(case, judge))
    return rows


def table(rows: dict[str, Row]) -> list[str]:
    """Lines for people, 80 columns at most."""
    lines = [f"{'':26}{'right':>8}{'wrong':>8}{'refused':>9}{'unsure':>8}{'wrong':>8}"]
    lines.append(f"{'':59}{'and sure':>8}")
    total = Row()
    for kind, row in [*rows.items(), ("total", total)]:
        lines.append(
            f"{kind[:26]:26}{row.right:8}{row.wrong:8}{row.refused:9}"
            f"{row.unsure:8}{row.wrong_but_sure:8}"
        )
        if row is not total:
            total.add(row)
    return lines


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table."""
    config = parse(Config, argv, "check-pictures", __doc__ or "")
    require_range(config, count=(1, 10_000), least=(0, 100), seed=SEEDS)
    cv2.setNumThreads(1)  # of pictures so small more threads only wait
    cases = (
        drawn(config.count, config.seed)
        if config.folder is None
        else from_folder(config.folder)
    )
    known = list(cases)
    rows = count(known, Judge(config.model))
    if config.json:
        print(for_json({kind: asdict(row) for kind, row in rows.items()}))
    else:
        print("\n".join(table(rows)))
    digits = sum(case.label is not None for case in known)
    right = sum(row.right for row in rows.values())
    if digits and 100 * right < config.least * digits:
        raise CheckFailed(
            f"{right} of {digits} digits are right, fewer than {config.least:g} %",
            "look at one: esp8k image FILE",
        )
    return 0


if __name__ == "__main__":
    run(main)
