"""The library that tells of every change to a file, built once."""

from pathlib import Path

import pytest

from tools.faults.watched import build_shim


@pytest.fixture(scope="session")
def file_shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library to preload."""
    return build_shim(tmp_path_factory.mktemp("shim") / "file_shim.so")
