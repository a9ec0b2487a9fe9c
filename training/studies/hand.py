"""What training goes on to learn of a hand that MNIST does not know, as a picture.

    esp8k hand              # writes build/own.svg
    esp8k hand --write      # replaces docs/own.svg

The hand is `training.hand`'s. The model goes on from its shipped weights with some
samples of each digit; others, which it never sees, are classified before and after.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from core.cli import SEEDS, parse, require_range
from core.files import replacing
from core.paths import ROOT, build_root
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from training import data, own
from training.evaluate import evaluate
from training.hand import written

SEEN, UNSEEN = 7, 99  # seeds of the samples that are learnt, and of the others
WIDTH, MARGIN = 860, 20  # of the picture
TILE, STEP, LINE = 44, 82, 82  # of a digit: its side, how far to the next ones
COLUMNS = 10
LEAST = 94.0  # percent at the left end of a bar
BAR = 420  # pixels to 100 %
STYLE = """
 text { font: 14px system-ui, sans-serif; fill: #1a1c2c; }
 .title { font-weight: 600; } .small { font-size: 12px; fill: #565a75; }
 .wrong { fill: #b3261e; } .right { fill: #1b7f4b; }
 .before { fill: #b9bdd3; } .after { fill: #4051b5; }
 image { image-rendering: pixelated; }
 .edge { fill: none; stroke: #565a75; } .paper { fill: #ffffff; }
 @media (prefers-color-scheme: dark) {
  text { fill: #e6e8f5; } .small { fill: #a6abc8; }
  .wrong { fill: #ff8a80; } .right { fill: #69d49b; }
  .before { fill: #5b6080; } .after { fill: #8c9bf0; } .edge { stroke: #a6abc8; }
  .paper { fill: #14151f; }
 }
"""


@dataclass(frozen=True)
class Config:
    """Options of `esp8k hand`."""

    model: ModelName = DEFAULT_MODEL  # which network
    samples: int = 10  # of each digit, to learn from
    unseen: int = 40  # of each digit, to judge by
    seed: int = 0  # of the further training
    write: bool = False  # replace the picture of the docs
    json: bool = False  # print the figures as JSON


@dataclass(frozen=True)
class Answers:
    """Unseen samples of the hand, and what was said of them."""

    images: np.ndarray  # uint8 (N, 28, 28)
    labels: np.ndarray  # (N,)
    before: np.ndarray  # (N,) classes
    after: np.ndarray


def learn(config: Config, images: data.Data) -> tuple[own.Gain, Answers]:
    """Go on from the shipped weights; what was gained, lost and answered."""
    torch.set_num_threads(1)
    point = own.start(config.model, images.name)
    learnt = own.Own(*written(config.samples, seed=SEEN))
    held = own.Own(*written(config.unseen, seed=UNSEEN))
    before, after = point.module(), point.module()
    after.load_state_dict(own.go_on(point, learnt, images, config.seed))
    said = [classes(model, held) for model in (before, after)]
    answers = Answers(held.images, held.labels, said[0], said[1])
    return own.measure(before, after, held, images), answers


def classes(model: nn.Module, of: own.Own) -> np.ndarray:
    """What a model takes each picture for, (N,)."""
    return np.asarray(evaluate(model, of.images, of.labels).logits.argmax(1))


# ---- the picture ----


def drawn(config: Config, gain: own.Gain, answers: Answers) -> str:
    """The picture as SVG, light or dark as its reader likes."""
    misread = np.flatnonzero(
        (answers.before != answers.labels) | (answers.after != answers.labels)
    )
    lines = -(-len(misread) // COLUMNS)
    middle = 132  # where the misread ones begin
    end = middle + 24 + LINE * lines
    told = f"{config.model} learns a hand that MNIST does not know"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {end + 126}" '
        f'role="img" aria-label="{told}">',
        f"<title>{told}</title>\n<style>{STYLE}</style>",
        # Its own paper: a page's colours may be others than the reader's system has.
        '<rect class="paper" width="100%" height="100%"/>',
        text(MARGIN, 24, f"{told}: {config.samples} samples of each digit", "title"),
    ]
    firsts = [int(np.flatnonzero(answers.labels == d)[0]) for d in range(10)]
    for column, i in enumerate(firsts):
        parts.append(tile(answers.images[i], MARGIN + STEP * column, 40))
    told = f"All of {len(answers.labels)} unseen samples that were misread"
    parts.append(text(MARGIN, middle, f"{told}, before and after", "title"))
    for place, i in enumerate(misread.tolist()):
        x = MARGIN + STEP * (place % COLUMNS)
        parts += sample(answers, i, x, middle + 16 + LINE * (place // COLUMNS))
    old = "MNIST's 10,000 test images"
    parts += bars(end, "that hand, unseen", gain.own)
    parts += bars(end + 58, old, gain.old)
    return "\n".join([*parts, "</svg>", ""])


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """A line of text."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{words}</text>'


def tile(pixels: np.ndarray, x: int, y: int) -> str:
    """A picture of 28x28 in a thin frame."""
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, format="PNG", optimize=True)
    source = base64.b64encode(packed.getvalue()).decode()
    at = f'x="{x}" y="{y}" width="{TILE}" height="{TILE}"'
    image = f'<image {at} href="data:image/png;base64,{source}"/>'
    return f'{image}<rect class="edge" {at}/>'


def sample(answers: Answers, i: int, x: int, y: int) -> Iterator[str]:
    """A misread sample with what was said of it."""
    yield tile(answers.images[i], x, y)
    label = answers.labels[i]
    words = []
    for said in (answers.before[i], answers.after[i]):
        kind = "right" if said == label else "wrong"
        words.append(f'<tspan class="{kind}">{said}</tspan>')
    yield text(x, y + TILE + 17, " → ".join(words))


def bars(y: float, words: str, percent: tuple[float, float]) -> Iterator[str]:
    """Two bars, before and after, from LEAST to 100 %."""
    yield text(MARGIN, y + 22, words)
    yield text(MARGIN, y + 40, f"bars from {LEAST:g} to 100 %", "small")
    for row, kind in enumerate(("before", "after")):
        long = max(1.0, BAR * (percent[row] - LEAST) / (100 - LEAST))
        at = f'x="230" y="{y + 6 + 24 * row:g}"'
        yield f'<rect class="{kind}" {at} width="{long:.1f}" height="20" rx="2"/>'
        yield text(238 + long, y + 21 + 24 * row, f"{percent[row]:.2f} % {kind}")


def main(argv: Sequence[str] | None = None) -> int:
    """Learn, draw, and print the figures."""
    config = parse(Config, argv, "hand", __doc__ or "")
    require_range(config, samples=(1, 1000), unseen=(1, 1000), seed=SEEDS)
    gain, answers = learn(config, data.load())
    path: Path = (ROOT / "docs" if config.write else build_root()) / "own.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(drawn(config, gain, answers), encoding="utf-8")
    if config.json:
        print(for_json(asdict(gain)))
        return 0
    print(f"that hand: {gain.own[0]:.2f} % before, {gain.own[1]:.2f} % after")
    print(f"MNIST:     {gain.old[0]:.2f} % before, {gain.old[1]:.2f} % after")
    print(f"drawn in {path}")
    return 0


if __name__ == "__main__":
    run(main)
