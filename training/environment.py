"""What every result is filed with: versions, threads, revision."""

import importlib.metadata
import platform
from typing import Any

import torch

from core.revision import revision


def environment() -> dict[str, Any]:
    """Versions and revision, for the record."""
    packages = ("torch", "torchvision", "numpy")
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "threads": torch.get_num_threads(),
        "git": revision("training"),
    }
