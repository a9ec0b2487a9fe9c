"""What every result is filed with: versions, revision; and how files are written."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import torch

from core.errors import Esp8kError
from core.paths import ROOT


def environment() -> dict[str, Any]:
    """Versions and revision, for the record."""
    packages = ("torch", "torchvision", "numpy")
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in packages},
        "threads": torch.get_num_threads(),
        "git": _revision(),
    }


def _revision() -> str | None:
    """The commit of this checkout, with `+` when the sources were changed since."""
    git = ["git", "-C", str(ROOT)]
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "training"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None  # a tarball has no history
    return head + ("+" if changed else "")


def check_writable(folder: Path) -> None:
    """Find out before the training, not after it, that nothing can be written."""
    probe = folder / f".probe.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(bytes(65_536))
    except OSError as error:
        raise Esp8kError(
            f"cannot write to {folder}: {error.strerror}",
            "free some space, or set ESP8K_BUILD to a folder on another disk",
        ) from error
    finally:
        if folder.is_dir() and probe.exists():
            probe.unlink()
