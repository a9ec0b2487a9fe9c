"""A .tflite's outputs by LiteRT.

It runs in this process: `core.isolate` keeps its crashes away.
"""

import numpy as np

from export.frontend.taken import alone
from export.frontend.tensorflow import silent
from export.graph.anew import begins_anew


def run(raw: bytes, inputs: tuple[np.ndarray, ...]) -> list[np.ndarray]:
    """A .tflite's outputs by LiteRT, one (N, ...) each; `inputs` in its types."""
    from ai_edge_litert.interpreter import Interpreter

    with silent():
        interpreter = Interpreter(model_content=raw, num_threads=1)
        interpreter.allocate_tensors()
    sources = [d["index"] for d in interpreter.get_input_details()]
    targets = [d["index"] for d in interpreter.get_output_details()]
    found: list[list[np.ndarray]] = [[] for _ in targets]
    anew = begins_anew(raw)
    for several in zip(*inputs, strict=True):
        if anew:
            interpreter.reset_all_variables()
        for source, one in zip(sources, several, strict=True):
            interpreter.set_tensor(source, one[None])
        interpreter.invoke()
        for values, target in zip(found, targets, strict=True):
            values.append(alone(interpreter.get_tensor(target)).copy())
    return [np.stack(values) for values in found]
