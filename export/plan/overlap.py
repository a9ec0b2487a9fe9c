"""How far before its input a stage's output has to start to be written over it.

A stage goes through its input from front to back and writes its output from front to
back. If the output starts `lag` bytes before the input, and no step writes at or
behind anything that a later step still reads, then both may share memory.

    lag = max over steps of (end of what the step writes
                             - start of what any later step reads)

Each kernel knows the steps of its own loops; a step that reads again after it has
begun to write counts among its own later steps.
"""

import numpy as np


def lag(ends: np.ndarray, starts: np.ndarray, rereads: bool) -> int:
    """From where each step's writes end and its reads start, in the steps' order."""
    ends, starts = ends.reshape(-1), starts.reshape(-1)
    later = np.minimum.accumulate(starts[::-1])[::-1]
    if not rereads:
        ends, later = ends[:-1], later[1:]
    return max(int((ends - later).max(initial=0)), 0)
