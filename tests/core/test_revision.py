"""A result names the sources that it was made from."""

import subprocess
from pathlib import Path

import pytest

from core.revision import revision

AUTHOR = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of two folders, one commit."""
    for folder in ("training", "tools"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").write_text("1")
    for words in (("init", "-q"), ("add", "."), (*AUTHOR, "commit", "-qm", "one")):
        subprocess.run(("git", "-C", tmp_path, *words), check=True)
    return tmp_path


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    found = revision(root=checkout)
    assert found is not None and len(found) == 40 and not found.endswith("+")


def test_a_change_is_told_where_it_counts(checkout: Path) -> None:
    clean = revision(root=checkout)
    (checkout / "tools" / "file").write_text("2")
    assert revision(root=checkout) == f"{clean}+"
    assert revision("training", root=checkout) == clean


def test_a_tarball_has_no_revision(tmp_path: Path) -> None:
    assert revision(root=tmp_path) is None
