"""TensorFlow's calibrator, fed otherwise than it feeds itself.

    with_ranges = fed(raw, anew).calibrate(one_by_one(inputs))

What is replaced is a private method of TensorFlow's, whose release is pinned: here
alone, so that a new release has one place to be looked at.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Samples = Callable[[], Iterator[list[np.ndarray]]]
Feed = Callable[[Any, Samples], None]


def one_by_one(inputs: tuple[np.ndarray, ...]) -> Samples:
    """Several inputs (N, ...) each, as TensorFlow's calibration asks for them."""

    def dataset() -> Iterator[list[np.ndarray]]:
        for several in zip(*inputs, strict=True):
            yield [one[None].astype(np.float32) for one in several]

    return dataset


def fed(raw: bytes, feed: Feed) -> Any:
    """A calibrator of a float .tflite to which `feed` gives the samples."""
    from tensorflow.lite.python.optimize import calibrator

    class Fed(calibrator.Calibrator):  # type: ignore[misc]
        def _feed_tensors(self, samples: Samples, *_: bool, **__: bool) -> None:
            feed(self._calibrator, samples)

    return Fed(raw)


def anew(calibrator: Any, samples: Samples) -> None:
    """Each sample from the state that the model begins with, if it has any."""
    for sample in samples():
        calibrator.Prepare([list(one.shape) for one in sample])
        calibrator.FeedTensor(sample)


def nothing(calibrator: Any, samples: Samples) -> None:
    """No sample: the ranges lie in the model."""
