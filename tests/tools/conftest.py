"""A fake exported model in a build folder of its own."""

from pathlib import Path

import pytest

from tests.support.fakes import FakeHost


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path / "build" / "v2")
