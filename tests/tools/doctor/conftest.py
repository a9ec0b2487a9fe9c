"""A system with ports of the test's own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.doctor.ports import Found, Ports


@pytest.fixture
def where(tmp_path: Path) -> Callable[..., Ports]:
    """A system with the given ports and nothing else."""

    def make(*ports: Found, **more) -> Ports:
        for name in ("usb", "tty", "proc"):
            (tmp_path / name).mkdir(exist_ok=True)
        folders = {name: tmp_path / name for name in ("usb", "tty", "proc")}
        folders["kernel"] = tmp_path / "version"
        return Ports(listed=lambda: ports, **{**folders, **more})

    return make
