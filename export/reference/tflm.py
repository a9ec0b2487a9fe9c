"""TensorFlow Lite Micro's own interpreter: the oracle of the int8 arithmetic.

    from export import tflm
    logits = tflm.outputs(tflite_bytes, images)   # None where there is no wheel

XNNPACK and the TFLite builtins round differently, so nothing else may stand in.
"""

import os
import re
import tempfile

import numpy as np

SKIPPED = "skipped: no tflite-micro wheel for this platform"


def available() -> bool:
    """Whether the package is installed (wheels exist for Linux x86_64 only)."""
    try:
        import tflite_micro  # noqa: F401
    except ImportError:
        return False
    return True


def outputs(model: bytes, images: np.ndarray) -> np.ndarray | None:
    """The model's output for each input, (N, ...); None without the package."""
    if not available():
        return None
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model)
    results = []
    for image in images:
        interpreter.set_input(image[None], 0)
        interpreter.invoke()
        results.append(interpreter.get_output(0)[0].copy())
    return np.stack(results)


def arena_bytes(model: bytes) -> int | None:
    """What TFLite Micro allocates for the model, by its own account."""
    if not available():
        return None
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model)
    with tempfile.TemporaryFile() as file:  # it prints with C's stderr
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            interpreter.print_allocations()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        text = file.read().decode()
    found = re.search(r"Arena allocation total (\d+) bytes", text)
    return int(found.group(1)) if found else None
