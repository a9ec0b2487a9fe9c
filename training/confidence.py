"""How far a model's probabilities can be trusted, and what refusing some digits buys.

    esp8k confidence --model v2   # what to reject for 99.9 %

One temperature divides the logits before softmax and is stored in the checkpoint; it
changes no class and no accuracy. It is fitted on the 5,000 validation images by a run
that left them out (`esp8k train --holdout`). Fitting it on images that
the weights have seen does harm: v2 then asks for 0.91 and its calibration error on the
test set rises from 0.12 to 0.19 points.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from core.cli import parse
from core.paths import checkpoint as find
from core.probability import divisor
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from training import checkpoint, data
from training.evaluate import Evaluation, evaluate

BINS = 10
TARGETS = (99.5, 99.7, 99.9, 99.95)  # percent right on the digits that are kept


@dataclass(frozen=True)
class Coverage:
    """Reject the least sure images until the rest reaches an accuracy."""

    target: float  # percent right, at least, on what is kept
    rejected: int  # images
    coverage: float  # percent of the images that are kept
    accuracy: float  # percent right on them
    threshold: float  # lowest probability that is kept


def loss(result: Evaluation, temperature: float) -> float:
    """Mean negative log-likelihood of the true classes."""
    scaled = result.logits.astype(np.float64) / temperature
    scaled -= scaled.max(1, keepdims=True)
    true = scaled[np.arange(len(scaled)), result.labels]
    return float((np.log(np.exp(scaled).sum(1)) - true).mean())


def fit_temperature(result: Evaluation) -> float:
    """The temperature of least loss, by golden section on its logarithm."""
    low, high = np.log(0.05), np.log(20.0)
    ratio = (5**0.5 - 1) / 2
    while high - low > 1e-5:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(result, float(np.exp(left))) < loss(result, float(np.exp(right))):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def calibration_error(result: Evaluation, temperature: float = 1.0) -> float:
    """Expected calibration error: mean gap of confidence and accuracy, in points."""
    sure = result.probabilities(temperature).max(1)
    right = result.predicted == result.labels
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    gaps = [
        abs(sure[bins == b].sum() - right[bins == b].sum())
        for b in range(BINS)
        if (bins == b).any()
    ]
    return float(100 * sum(gaps) / len(sure))


def coverage(result: Evaluation, target: float, temperature: float) -> Coverage:
    """The fewest rejections, least sure first, that reach `target` percent."""
    sure = result.probabilities(temperature).max(1)
    order = np.argsort(-sure, kind="stable")  # surest first
    right = (result.predicted == result.labels)[order]
    share = 100 * np.cumsum(right) / np.arange(1, len(right) + 1)
    enough = np.flatnonzero(share >= target)
    kept = int(enough[-1]) + 1 if len(enough) else 0
    return Coverage(
        target=target,
        rejected=len(sure) - kept,
        coverage=round(100 * kept / len(sure), 4),
        accuracy=round(float(share[kept - 1]), 4) if kept else 0.0,
        threshold=round(float(sure[order[kept - 1]]), 6) if kept else 1.0,
    )


def report(result: Evaluation, fitted: float | None) -> dict[str, Any]:
    """Calibration, and how many digits to reject for which accuracy.

    Errors in points, before and with the `fitted` temperature, where there is one.
    """
    temperature = divisor(fitted)
    return {
        "temperature": round(temperature, 4),
        "calibration_error": [
            round(calibration_error(result), 4),
            round(calibration_error(result, temperature), 4),
        ],
        "risk_coverage": [asdict(coverage(result, t, temperature)) for t in TARGETS],
    }


@dataclass(frozen=True)
class Config:
    """Options of `esp8k confidence`."""

    model: ModelName = DEFAULT_MODEL  # which network
    json: bool = False  # print JSON


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table of a checkpoint on the test images of its data set."""
    config = parse(Config, argv, "confidence", __doc__ or "")
    stored = checkpoint.load(find(config.model), config.model)
    images = data.of_model(stored.config)
    result = evaluate(stored.module(), images.test_images, images.test_labels)
    found = report(result, stored.temperature)
    if config.json:
        print(for_json({"model": config.model, **found}, None))
        return
    fitted = "" if stored.temperature else " (none is stored)"
    before, after = found["calibration_error"]
    print(f"{config.model}: temperature {found['temperature']:.3f}{fitted}")
    print(f"calibration error {before:.2f} points, {after:.2f} with the temperature")
    print("right, %  rejected  kept, %  least probability kept")
    for row in found["risk_coverage"]:
        print(
            f"{row['target']:8.2f}  {row['rejected']:8,}  {row['coverage']:7.2f}"
            f"  {row['threshold']:22.4f}"
        )


if __name__ == "__main__":
    run(main)
