"""TensorFlow Lite Micro's own interpreter: the oracle of the int8 arithmetic.

    from export.reference import tflm
    logits = tflm.outputs(tflite_bytes, images)   # None where there is no wheel

XNNPACK and the TFLite builtins round differently, so nothing else may stand in.
"""

import ctypes
import math
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from export.graph.anew import begins_anew

NAME = "TFLite Micro"
WITHOUT = frozenset({"GELU", "EXP"})  # kinds of 8 bits that it has no kernel for
SKIPPED = "skipped: no tflite-micro wheel for this platform"
M_PERTURB = -6  # of malloc.h
ARENA_BYTES = 1 << 25  # more than any microcontroller's; its own guess is 10 files


def available() -> bool:
    """Whether the package is installed (wheels exist for Linux x86_64 only)."""
    try:
        import tflite_micro  # noqa: F401
    except ImportError:
        return False
    return True


def interpreter(model: bytes) -> Any:
    """One for the model, with room for activations far larger than its file.

    RuntimeError where TFLite Micro cannot run the model.
    """
    from tflite_micro import runtime

    room = max(ARENA_BYTES, 10 * len(model))
    with _zeroed_memory():
        return runtime.Interpreter.from_bytes(model, arena_size=room)


@contextmanager
def _zeroed_memory() -> Iterator[None]:
    """Let malloc give zeros, as a static arena on a chip holds them.

    SPACE_TO_BATCH_ND pads with a field of its arena that it never writes.
    """
    mallopt = ctypes.CDLL(None).mallopt  # glibc's: there is a wheel for Linux alone
    mallopt(M_PERTURB, 0xFF)  # new memory gets the complement
    try:
        yield
    finally:
        mallopt(M_PERTURB, 0)


def sequence(model: bytes, inputs: list[np.ndarray], outputs: int) -> list[np.ndarray]:
    """All outputs, (N, elements) each, of N calls one after another.

    The state goes on, unless the file says that it begins anew.

    `inputs`: (N, ...) for each input, in the file's types. A model that takes several
    inputs at once gets the same one everywhere, and its first output counts.
    RuntimeError where TFLite Micro cannot run the model.
    """
    runner = interpreter(model)
    shapes = [runner.get_input_details(i)["shape"] for i in range(len(inputs))]
    many = [
        math.prod(s) // max(x[0].size, 1) for s, x in zip(shapes, inputs, strict=True)
    ]
    anew = begins_anew(model)
    results = []
    for at in range(len(inputs[0])):
        if anew:
            runner.reset()
        for number, values in enumerate(inputs):
            whole = np.tile(values[at].reshape(-1), many[number])
            runner.set_input(whole.reshape(tuple(shapes[number])), number)
        runner.invoke()
        found = [runner.get_output(i).reshape(-1) for i in range(outputs)]
        results.append([x[: x.size // many[0]].copy() for x in found])
    return [np.stack(parts) for parts in zip(*results, strict=True)]


def outputs(model: bytes, images: np.ndarray) -> np.ndarray | None:
    """The model's output for each input, (N, ...); None without the package."""
    if not available():
        return None
    runner = interpreter(model)
    results = []
    for image in images:
        runner.set_input(image[None], 0)
        runner.invoke()
        results.append(runner.get_output(0)[0].copy())
    return np.stack(results)


def arena_bytes(model: bytes) -> int | None:
    """What TFLite Micro allocates for the model, by its own account."""
    if not available():
        return None
    runner = interpreter(model)
    with tempfile.TemporaryFile() as file:  # it prints with C's stderr
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            runner.print_allocations()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        text = file.read().decode()
    found = re.search(r"Arena allocation total (\d+) bytes", text)
    return int(found.group(1)) if found else None
