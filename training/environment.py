"""What every result is filed with: versions, threads, revision."""

import importlib.metadata
import platform
from typing import Any

import torch

from core.revision import revision


def environment() -> dict[str, Any]:
    """Versions and revision, for the record."""
    others = ("torchvision", "numpy")
    versions = {name: importlib.metadata.version(name) for name in others}
    return {
        "python": platform.python_version(),
        # its package names the build only where it is of PyTorch's own index
        "packages": {"torch": str(torch.__version__), **versions},
        "threads": torch.get_num_threads(),
        "git": revision("training"),
    }
