"""The range that each value of a float model takes for given inputs.

    found = calibrated(raw, inputs)     # the same .tflite, ranges beside its tensors

TensorFlow's calibrator notes an operator's inputs once more when it has run. By then
an operator of `IN_PLACE` may have written its result over one of them, whose range
would be both's: several times too wide, and so would its scale (tensorflow#127842).
Outputs of a model are never written over, so all that is at risk is one meanwhile.

What is one value in the turns of a written-out loop has one range (`graph.turns`).
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from export.frontend.tflite.calibrator import Samples, anew, fed
from export.graph import turns
from export.graph.anew import begins_anew
from export.graph.flatbuffer import packed, unpacked
from export.graph.options import kind_of
from export.graph.read import read_tflite

IN_PLACE = ("ADD", "SUB", "MUL", "DIV", "SOFTMAX")


def calibrated(raw: bytes, samples: Samples) -> bytes:
    """A float .tflite with the least and the largest value of each tensor.

    A layer whose state begins anew in each call does so for every sample.
    """
    return _joined(_calibrated(raw, samples), turns.alike(read_tflite(raw, "float")))


def _calibrated(raw: bytes, samples: Samples) -> bytes:
    """The same, of each tensor for itself."""
    from tensorflow.lite.python.optimize import calibrator

    made = partial(fed, feed=anew) if begins_anew(raw) else calibrator.Calibrator
    whole = bytes(calibrator.add_intermediate_tensors(raw))  # of LSTMs
    risky = _at_risk(whole)
    if not risky:
        return bytes(made(whole).calibrate(samples))
    outputs = tuple(map(int, unpacked(whole).subgraphs[0].outputs))
    opened = _with_outputs(whole, (*outputs, *risky))
    return _with_outputs(bytes(made(opened).calibrate(samples)), outputs)


def _joined(raw: bytes, groups: Iterable[Sequence[int]]) -> bytes:
    """The same file with one range for all tensors of a group."""
    model = unpacked(raw)
    tensors = model.subgraphs[0].tensors
    for group in groups:
        found = [tensors[i].quantization for i in group]
        known = [q for q in found if q is not None and q.min is not None and len(q.min)]
        if known:
            least = np.min([q.min for q in known], axis=0)
            most = np.max([q.max for q in known], axis=0)
        for one in known:
            one.min, one.max = least, most
    return packed(model)


def _at_risk(raw: bytes) -> tuple[int, ...]:
    """Computed tensors that an operator might write over, once each."""
    model = unpacked(raw)
    graph = model.subgraphs[0]
    computed = {int(i) for op in graph.operators for i in op.outputs}
    read = {
        int(i)
        for op in graph.operators
        if kind_of(model.operatorCodes[op.opcodeIndex]) in IN_PLACE
        for i in op.inputs
    }
    return tuple(sorted((read & computed) - set(map(int, graph.outputs))))


def _with_outputs(raw: bytes, outputs: tuple[int, ...]) -> bytes:
    model: Any = unpacked(raw)
    model.subgraphs[0].outputs = np.array(outputs, np.int32)
    return packed(model)
