"""Features of one input whose ranges differ: the small ones are lost in 8 bits.

An input has one scale. A Normalization layer in the model comes too late: it gets what
256 steps over the largest feature have left of the others.
"""

import numpy as np

STEPS = 8  # of an input's 256: a feature that takes fewer is as good as lost
MOST = 64  # features that somebody would number


def told(inputs: tuple[np.ndarray, ...]) -> tuple[str, ...]:
    """A note where it is so; inputs (N, F) or (N, T, F) as the model takes them."""
    found = (_lost(values) for values in inputs if values.ndim in (2, 3))
    return tuple(note for note in found if note is not None)


def _lost(values: np.ndarray) -> str | None:
    features = values.reshape(-1, values.shape[-1]).astype(np.float64)
    least, most = features.min(0), features.max(0)
    reach = max(float(most.max()), 0.0) - min(float(least.min()), 0.0)
    spans = most - least
    lost = np.flatnonzero((spans > 0) & (spans < STEPS * reach / 256))
    if not 1 < len(spans) <= MOST or len(lost) == 0:
        return None
    one = int(lost[spans[lost].argmin()])
    return (
        f"{len(lost)} of {len(spans)} features take less than {STEPS} of the input's "
        f"256 steps (number {one}: from {least[one]:.4g} to {most[one]:.4g}): bring "
        "them to like ranges before the model, not by a layer in it"
    )
