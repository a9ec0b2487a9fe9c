"""Statistics of right and wrong answers: interval, confusion, comparison of two."""

import math

import numpy as np

Z95 = 1.959963984540054  # standard normal quantile of 97.5 %


def wilson(right: float, total: float) -> tuple[float, float]:
    """95 % confidence interval of a share, both ends in 0..1 (Wilson 1927)."""
    if total == 0:
        return 0.0, 1.0
    share = right / total
    scale = 1 + Z95**2 / total
    middle = share + Z95**2 / (2 * total)
    spread = Z95 * math.sqrt(share * (1 - share) / total + Z95**2 / (4 * total**2))
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def wilson_percent(right: float, total: float) -> tuple[float, float]:
    """The same interval in percent."""
    low, high = wilson(right, total)
    return 100 * low, 100 * high


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p that two classifiers err equally often.

    Only images count on which exactly one of them is right; under the null
    hypothesis each such image is a toss of a fair coin.
    """
    tosses, fewer = only_first + only_second, min(only_first, only_second)
    ways = sum(math.comb(tosses, k) for k in range(fewer + 1))
    return float(min(1.0, 2 * ways / 2**tosses))


def confusion(truth: np.ndarray, said: np.ndarray, classes: int = 10) -> np.ndarray:
    """How often each class (row) was called what (column): (classes,) * 2, int64."""
    pairs = np.asarray(truth, np.int64) * classes + np.asarray(said, np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
