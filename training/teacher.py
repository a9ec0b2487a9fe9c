"""The net that v3 learns from: trained first, on the same images.

    teacher = teacher_for(recipe, images, labels)  # None where it has none
    hints = teacher(views)                          # (N, 10) logits

Distillation after Hinton et al. (2015, arXiv:1503.02531): beside the label, the student
sees what the teacher thinks of the very view before it. Both see the same training
images and nothing else; the teacher's passes come on top of the student's five and are
reported with every result.

    esp8k teacher    # train the shipped one again, minutes

A teacher is filed under a hash of its images, labels and recipe, so that a subset,
another data set or the 55,000 images of the split each get their own. The one for all
60,000 images of MNIST is shipped; others are trained on first use.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core.cli import parse
from core.errors import Esp8kError
from core.files import require_absent
from core.paths import PRETRAINED, build_root
from core.program import run
from training import checkpoint, data
from training.evaluate import evaluate
from training.fit import Trainer
from training.fused.network import fuse
from training.layers import CLASSES, network
from training.models import macs, parameters
from training.progress import Progress
from training.recipes import TEACHER
from training.schedule import Recipe

SPEC = "c24 c24p4 c32 c48p4 c64 fc"
SEED = 0
RECIPE = TEACHER
SHIPPED = PRETRAINED / "teacher.pt"


class Teacher:
    """A trained teacher: callable, in evaluation mode, without gradients."""

    def __init__(self, state: dict[str, Tensor], device: str = "cpu") -> None:
        model = network(SPEC, checkpoint.classes_of(state))
        model.load_state_dict(state)
        self.digest = checkpoint.weights_hash(state)
        self.parameters, self.macs = parameters(model), macs(model)
        self.model = _folded(model.eval()).to(device)
        self.run = (fuse(self.model) if device == "cpu" else None) or self.model

    def __call__(self, views: Tensor) -> Tensor:
        """Normalised (N, 1, 28, 28) to logits (N, 10)."""
        with torch.no_grad():
            return self.run(views)

    def record(self) -> dict[str, Any]:
        """What a result of its student says of it."""
        return {
            "layers": SPEC,
            "parameters": self.parameters,
            "macs": self.macs,
            "epochs": RECIPE.epochs,
            "weights": self.digest,
        }


def teacher_for(
    recipe: Recipe,
    images: np.ndarray,
    labels: np.ndarray,
    device: str = "cpu",
    classes: int = CLASSES,
) -> Teacher | None:
    """The teacher of these uint8 images; trains it, with progress, if there is none."""
    if not recipe.distill:
        return None
    if len(images) == 0:
        raise Esp8kError("there are no training images", "choose a larger subset")
    # The student's own weights are drawn by the same generator.
    with torch.random.fork_rng():
        key = key_of(images, labels)
        state = _filed(key) or train(images, labels, key, classes=classes)
        return Teacher(state, device)


def _filed(key: str) -> dict[str, Tensor] | None:
    """The weights filed under a key."""
    for path in (SHIPPED, _path(key)):
        if path.exists():
            content = checkpoint.read(path, {"key": str, "state_dict": dict})
            if content["key"] == key:
                state: dict[str, Tensor] = content["state_dict"]
                return state
    return None


def train(
    images: np.ndarray,
    labels: np.ndarray,
    key: str,
    path: Path | None = None,
    classes: int = CLASSES,
) -> dict[str, Tensor]:
    """Train and file a teacher; (N, 28, 28) images, (N,) labels."""
    torch.manual_seed(SEED)
    trainer = Trainer(network(SPEC, classes), images, labels, RECIPE, SEED)
    with Progress("teacher", RECIPE.epochs) as progress:
        while trainer.epoch < RECIPE.epochs:
            progress.epoch(trainer.run_epoch(progress.step))
    state = trainer.weights()
    content = {"key": key, "state_dict": state, "engine": trainer.engine}
    checkpoint.write_atomically(path or _path(key), content)
    return state


def _path(key: str) -> Path:
    return build_root() / "teacher" / f"{key[:16]}.pt"


def key_of(images: np.ndarray, labels: np.ndarray) -> str:
    """sha256 over what decides a teacher's weights, but for the engine."""
    digest = hashlib.sha256(f"{SPEC} {SEED} {RECIPE.record()}".encode())
    digest.update(np.ascontiguousarray(images).tobytes())
    digest.update(np.ascontiguousarray(labels, dtype="<i8").tobytes())
    return digest.hexdigest()


def _folded(model: nn.Sequential) -> nn.Sequential:
    """Each batch norm inside the convolution before it, which fused.c then runs."""
    layers: list[nn.Module] = []
    for layer in model:
        if isinstance(layer, nn.BatchNorm2d):
            convolution = layers.pop()
            assert isinstance(convolution, nn.Conv2d)
            layer = fuse_conv_bn_eval(convolution, layer)
        layers.append(layer)
    return nn.Sequential(*layers).requires_grad_(False)


@dataclass(frozen=True)
class Config:
    """Options of `esp8k teacher`."""

    out: Path = SHIPPED  # where the checkpoint goes
    force: bool = False  # replace a checkpoint that is there


def main(argv: Sequence[str] | None = None) -> None:
    """Train the shipped teacher and say what it reaches by itself."""
    config = parse(Config, argv, "teacher", __doc__ or "")
    require_absent(config.out, config.force)
    torch.set_num_threads(1)
    mnist = data.load()
    images, labels = mnist.train_images, mnist.train_labels
    state = train(images, labels, key_of(images, labels), config.out)
    model = network(SPEC)
    model.load_state_dict(state)
    seen = evaluate(model, mnist.test_images, mnist.test_labels)
    print(
        f"teacher: {seen.accuracy:.2f} % of the test images, {Teacher(state).record()}"
    )


if __name__ == "__main__":
    run(main)
