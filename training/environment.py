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
        # which build it is, its package says on PyTorch's own index alone
        "packages": {"torch": str(torch.__version__), **versions},
        "threads": torch.get_num_threads(),
        "git": revision("training"),
    }
