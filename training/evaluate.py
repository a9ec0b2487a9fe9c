"""What a trained model gets right and wrong on the official test images.

    esp8k evaluate --model v2      # the checkpoint's accuracy

`train` and the studies judge by the same function.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from core import probability
from core.cli import parse
from core.paths import checkpoint as find
from core.program import run
from core.statistics import confusion, wilson_percent
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from training import checkpoint, data
from training.fit import logits, normalise, prepare


@dataclass(frozen=True)
class Evaluation:
    """Predictions of one model on labelled images."""

    logits: np.ndarray  # (N, classes) float32
    labels: np.ndarray  # (N,)

    @property
    def predicted(self) -> np.ndarray:
        """The class of each image, (N,)."""
        return np.asarray(self.logits.argmax(1))

    @property
    def wrong(self) -> np.ndarray:
        """Indices of misclassified images, most confident mistake first."""
        indices = np.flatnonzero(self.predicted != self.labels)
        return indices[np.argsort(-self.probabilities().max(1)[indices], kind="stable")]

    @property
    def accuracy(self) -> float:
        """Percent right."""
        return 100 * float((self.predicted == self.labels).mean())

    def probabilities(self, temperature: float | None = None) -> np.ndarray:
        """Softmax of the logits divided by `temperature`, (N, classes)."""
        return probability.probabilities(self.logits, temperature)

    def confusion(self) -> np.ndarray:
        """(true, predicted) counts, (classes, classes)."""
        return confusion(self.labels, self.predicted, self.logits.shape[1])


def evaluate(
    model: torch.nn.Module, images: np.ndarray, labels: np.ndarray
) -> Evaluation:
    """Run uint8 images (N, 28, 28) through a model."""
    output = logits(model, normalise(prepare(images)))
    return Evaluation(output.numpy(), labels.astype(np.int64))


@dataclass(frozen=True)
class Config:
    """Options of `esp8k evaluate`."""

    model: ModelName = DEFAULT_MODEL  # which network
    dataset: str | None = None  # which data set; the checkpoint's own when absent
    checkpoint: Path | None = None  # a .pt file; found when absent
    json: bool = False  # print JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Print the test accuracy of a checkpoint."""
    config = parse(Config, argv, "evaluate", __doc__ or "")
    path = config.checkpoint or find(config.model)
    loaded = checkpoint.load(path, config.model)
    images = (
        data.of_model(loaded.config)
        if config.dataset is None
        else data.load(config.dataset)
    )
    result = evaluate(loaded.module(), images.test_images, images.test_labels)
    low, high = wilson_percent(
        len(result.labels) - len(result.wrong), len(result.labels)
    )
    if config.json:
        told = {
            "model": config.model,
            "accuracy": round(result.accuracy, 4),
            "wilson95": [round(low, 4), round(high, 4)],
            "wrong": len(result.wrong),
            "weights_hash": loaded.weights_hash,
        }
        print(for_json(told, None))
        return
    print(f"{config.model} {loaded.weights_hash[:16]}: {result.accuracy:.2f} %")
    print(f"{len(result.wrong)} of {len(result.labels):,} wrong")
    print(f"95 % Wilson interval {low:.2f} to {high:.2f} %")


if __name__ == "__main__":
    run(main)
