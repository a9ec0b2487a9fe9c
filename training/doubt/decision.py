"""Sure, unsure, or no digit: what a model's logits and the picture say about it.

    esp8k doubt --model v3        # fit, store, print the figures

A decision in integers, the same on host and device. Two things must hold for "sure":
the largest logit leads the second by a margin, and a small network (80 inputs, 32
hidden, one output) finds the picture like those that the model learned from. Its
inputs are the logits, the three largest of them in order, the ink in 49 blocks of 4x4
pixels, and 18 numbers that say how the ink hangs together (`core.doubt.shape`). Below
a lower bound of that score it is no digit at all.

It is fitted on the 55,000 training images, digits of our own strokes and fonts,
letters, scrawls, drawings, patches of grey and noise; the bounds are quantiles on the
5,000 validation images, which it has not seen. Test images have no say. It is stored as
JSON beside the weights whose hash it carries.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core import paths
from core.cli import parse
from core.doubt import HIDDEN, INPUTS, SURE, Doubt, inputs, sixteenths
from core.errors import Esp8kError
from core.files import check_writable, write_text
from core.manifest import json_object
from core.program import run
from core.saying import Say
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from training import checkpoint, data
from training.doubt import drawings, nondigits
from training.doubt.material import Material
from training.evaluate import evaluate

Array = np.ndarray

DATASET = "mnist"  # what is no digit is known of digits only
HIDDEN_BITS = 6  # fraction bits of the hidden layer
STRANGE = 0.003  # share of the validation images below the score of "sure"
FOREIGN = 0.0005  # and below that of "a digit at all"
CLOSE = 0.006  # and below the margin
EPOCHS, BATCH, RATE, DECAY = 60, 512, 3e-3, 3e-2
EVEN = 32  # added to the spread of each input: its weights fit into one scale of bytes
FOCUS = 1  # power of the error by which a picture counts: the sure ones hardly do
CHUNK = 10_000  # pictures at a time, lest their inputs take gigabytes


# ---- fitting ----


def fit(point: checkpoint.Checkpoint, material: Material, seed: int = 0) -> Doubt:
    """The decision for a checkpoint; deterministic on one kind of processor."""
    module = point.module()
    known, strange = (seen(module, x) for x in (material.digits, material.others))
    network = train(known, strange, seed)
    plain = integers(network, point.weights_hash)
    logits = model_logits(module, material.held)
    right = logits.argmax(1) == material.labels
    score = np.sort(plain.score(material.held, logits)[right])
    ordered = np.sort(logits, 1)
    lead = np.sort((ordered[:, -1] - ordered[:, -2])[right])
    return bounded(plain, score, lead)


def bounded(plain: Doubt, score: Array, lead: Array) -> Doubt:
    """With its bounds: quantiles of sorted scores and leads of right answers."""
    content = asdict(plain)
    content["sure_from"] = int(score[int(STRANGE * len(score))])
    content["digit_from"] = int(score[int(FOREIGN * len(score))])
    content["margin_from"] = int(lead[int(CLOSE * len(lead))])
    return Doubt.of(content)


def seen(module: nn.Module, images: Array) -> Array:
    """What the small network sees of (N, 28, 28) pictures, (N, 80) float32."""
    parts = [
        inputs(few, model_logits(module, few)).astype(np.float32)
        for few in np.split(images, range(CHUNK, len(images), CHUNK))
    ]
    return np.concatenate(parts)


def model_logits(module: nn.Module, images: Array) -> Array:
    """Logits in sixteenths, (N, 10) int64."""
    none = np.zeros(len(images), np.uint8)
    return sixteenths(evaluate(module, images, none).logits)


def train(known: Array, strange: Array, seed: int) -> nn.Sequential:
    """A network that tells (N, 80) inputs of digits from those of anything else."""
    generator = torch.Generator().manual_seed(seed)
    state = torch.random.get_rng_state()
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
    torch.random.set_rng_state(state)
    raw = np.concatenate([known, strange])
    middle, spread = raw.mean(0), raw.std(0) + EVEN
    x = torch.tensor((raw - middle) / spread)
    y = torch.cat([torch.ones(len(known)), torch.zeros(len(strange))])
    weight = torch.where(y > 0, 1.0, len(known) / len(strange))
    steps = EPOCHS * (len(x) // BATCH + 1)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x), generator=generator).split(BATCH):
            score, wanted = network(x[batch])[:, 0], y[batch]
            error = (score.detach().sigmoid() - wanted).abs()
            loss = nn.functional.binary_cross_entropy_with_logits(
                score, wanted, weight=weight[batch] * error**FOCUS
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return folded(network, middle, spread)


def folded(network: nn.Sequential, middle: Array, spread: Array) -> nn.Sequential:
    """The same of inputs as they are, in place of those of mean 0 over their spread."""
    first = network[0]
    assert isinstance(first, nn.Linear)
    with torch.no_grad():
        first.weight.div_(torch.tensor(spread))
        first.bias.sub_(first.weight @ torch.tensor(middle))
    return network


def integers(network: nn.Sequential, weights_hash: str) -> Doubt:
    """Weights in 8 bits, each layer at a power of two; the bounds come later."""
    first, second = network[0], network[2]
    assert isinstance(first, nn.Linear) and isinstance(second, nn.Linear)
    a = first.weight.detach().double().numpy()
    b = second.weight.detach().double().numpy()[0]
    bits_a, bits_b = bits(a), bits(b)
    shift = max(bits_a - HIDDEN_BITS, 0)
    bias = first.bias.detach().double().numpy() * 2.0**bits_a
    end = float(second.bias.detach()) * 2.0 ** (bits_b + bits_a - shift)
    return Doubt(
        weights_hash=weights_hash,
        first=tuple(map(tuple, np.rint(a * 2.0**bits_a).astype(int).tolist())),
        first_bias=tuple(np.rint(bias).astype(int).tolist()),
        shift=shift,
        second=tuple(np.rint(b * 2.0**bits_b).astype(int).tolist()),
        second_bias=round(end),
        sure_from=0,
        digit_from=0,
        margin_from=0,
    )


def bits(weights: Array) -> int:
    """Fraction bits with which the largest of any weights still fits a signed byte."""
    return int(np.floor(np.log2(127 / np.abs(weights).max())))


# ---- storing ----


def places(model: str) -> tuple[Path, Path]:
    """Where it lies: beside the trained checkpoint, beside the shipped one."""
    shipped = paths.PRETRAINED / f"{model}.doubt.json"
    return paths.model_dir(model) / "doubt.json", shipped


def stored(point: checkpoint.Checkpoint) -> Doubt | None:
    """The decision on file that belongs to these weights."""
    for place_ in places(point.model):
        try:
            found = Doubt.of(json_object(place_))
        except (Esp8kError, ValueError, KeyError, TypeError, OverflowError):
            continue
        if found.weights_hash == point.weights_hash:
            return found
    return None


def doubt_of(point: checkpoint.Checkpoint, images: data.Data, say: Say) -> Doubt | None:
    """The decision for a checkpoint, fitted and stored if it is not on file.

    None for a model of anything but `DATASET`.
    """
    if images.name != DATASET:
        return None
    found = stored(point)
    if found is None:
        say("fit the decision sure, unsure, no digit (a minute or two, once)")
        found = fit(point, Material.draw(images))
        write(found, places(point.model)[0])
    return found


def write(doubt: Doubt, path: Path) -> None:
    """As JSON, one field a line."""
    lines = [f' "{k}": {json.dumps(v)}' for k, v in asdict(doubt).items()]
    write_text(path, "{\n" + ",\n".join(lines) + "\n}\n")


def figures(
    doubt: Doubt, images: Array, logits: Array, labels: Array
) -> dict[str, float]:
    """Percent unsure of the right ones, right of the sure; images (N, 28, 28)."""
    sure = doubt.decide(images, logits) == SURE
    right = logits.argmax(1) == labels
    return {
        "unsure_of_right": round(100 * float((~sure)[right].mean()), 3),
        "right_of_sure": round(100 * float(right[sure].mean()), 3),
    }


@dataclass(frozen=True)
class Config:
    """Options of `esp8k doubt`."""

    model: ModelName = DEFAULT_MODEL  # which network
    ship: bool = False  # write it beside the shipped weights
    json: bool = False  # print the figures as JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Fit, store, and print how it does on the test images and on no digits."""
    config = parse(Config, argv, "doubt", __doc__ or "")
    torch.set_num_threads(1)  # as an export does, which fits for weights of your own
    target = places(config.model)[1 if config.ship else 0]
    check_writable(target.parent)
    if target.is_dir():
        raise Esp8kError(f"{target} is a folder", "move it away")
    point = checkpoint.load(paths.checkpoint(config.model), config.model)
    images = data.of_model(point.config)
    if images.name != DATASET:
        raise Esp8kError(
            f"{config.model} was trained on {images.name}: what is no digit is known "
            "for MNIST's digits alone",
            f"train it on them: make train MODEL={config.model}",
        )
    clothes = data.load("fashion").test_images  # before the minutes of the fit
    doubt = fit(point, Material.draw(images))
    write(doubt, target)
    module = point.module()
    logits = model_logits(module, images.test_images)
    known = figures(doubt, images.test_images, logits, images.test_labels)
    refused = not_sure(doubt, module, clothes)
    if config.json:
        print(for_json(known | {"not_sure": refused}))
        return
    for name, value in known.items():
        print(f"{name.replace('_', ' '):30} {value:7.3f} %")
    for name, value in refused.items():
        print(f"{name:30} {value:7.2f} % not sure")


def not_sure(doubt: Doubt, module: nn.Module, clothes: Array) -> dict[str, float]:
    """Of what is no digit: percent that is not taken for sure, by kind."""
    rng = np.random.default_rng(1)
    strange = {
        "letters": nondigits.letters(2_000, rng, nondigits.fonts()),
        "scrawls": nondigits.scrawls(2_000, rng),
        "noise": nondigits.noise(1_000, rng),
        "drawings": drawings.drawings(2_000, rng),
        "drawings (never fitted on)": drawings.drawings(2_000, rng, drawings.UNKNOWN),
        "clothes (never fitted on)": clothes,
    }
    found = {
        name: doubt.decide(pictures, model_logits(module, pictures))
        for name, pictures in strange.items()
    }
    return {name: 100 * float((f != SURE).mean()) for name, f in found.items()}


if __name__ == "__main__":
    run(main)
