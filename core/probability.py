"""Logits as probabilities: softmax at a model's temperature.

    shares = probabilities(real, manifest.temperature)     # (..., classes)

The temperature divides the logits and is fitted on images held out (`esp8k
confidence`). A model of own classes has none, nor has an older checkpoint.
"""

import numpy as np


def divisor(temperature: float | None) -> float:
    """What divides the logits: 1, which leaves them, where no temperature is known."""
    return 1.0 if temperature is None else temperature


def probabilities(logits: np.ndarray, temperature: float | None = None) -> np.ndarray:
    """Softmax of real logits (..., classes), float64 of the same shape."""
    scaled = logits.astype(np.float64) / divisor(temperature)
    powers = np.exp(scaled - scaled.max(-1, keepdims=True))
    return np.asarray(powers / powers.sum(-1, keepdims=True))
