"""TensorFlow, loaded without its chatter, on one thread and no GPU.

tf = tensorflow()
with silent():
    converter.convert()
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # its results depend on the CPU
    "CUDA_VISIBLE_DEVICES": "-1",
    "OMP_NUM_THREADS": "1",
}


def tensorflow() -> Any:
    """Import TensorFlow without its chatter, one thread, no GPU."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with silent():
        import tensorflow as tf
    return tf


@contextmanager
def silent() -> Iterator[None]:
    """Hold back what C++ code writes to stderr."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)
