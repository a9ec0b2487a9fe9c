"""Which of many curves can be the outermost one, without looking at every point.

    binding = highest(values)    # (nodes, curves) -> (curves,) bool

Constants of a requantisation have to satisfy hundreds of inequalities for each of
hundreds of multipliers; nearly all follow from a few. Curves that rise or fall
throughout (rounded or not) are evaluated at some nodes: between two of them a curve
lies between its ends, and one whose greater end is below the lesser end of another is
never the highest there. What is left has the same maximum everywhere, to the last bit.
"""

import numpy as np


def highest(values: np.ndarray) -> np.ndarray:
    """Curves that may be the greatest somewhere between the first and last node."""
    if not values.shape[1]:
        return np.zeros(0, np.bool_)
    least = np.minimum(values[:-1], values[1:])
    most = np.maximum(values[:-1], values[1:])
    return np.asarray((most >= least.max(1, keepdims=True)).any(0))


def lowest(values: np.ndarray) -> np.ndarray:
    """Curves that may be the least somewhere between the first and last node."""
    return highest(-values)
