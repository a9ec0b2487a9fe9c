"""A file is there whole or not at all."""

import errno
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from core import files
from core.errors import Esp8kError
from tests.support.disk import full_disk


def test_a_file_replaces_the_old_one_and_makes_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    for content in ({"a": 1}, {"b": [2, "ü"]}):
        files.write_json(path, content)
        assert json.loads(path.read_text(encoding="utf-8")) == content
    assert [item.name for item in path.parent.iterdir()] == ["a.json"]


def test_a_full_disk_keeps_the_old_file_and_no_neighbour(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with full_disk(1000), pytest.raises(OSError):
        files.write_bytes(path, bytes(5000))
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_takes_nothing_is_found_out_before(tmp_path: Path) -> None:
    with full_disk(1000), pytest.raises(Esp8kError, match="cannot write to") as caught:
        files.check_writable(tmp_path / "new")
    assert "free some space" in caught.value.hint
    assert list((tmp_path / "new").iterdir()) == []
    files.check_writable(tmp_path / "new")


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "rights"),
        (errno.EROFS, "read-only"),
        (errno.ENOTDIR, "check the path"),
    ],
)
def test_what_cannot_be_written_has_the_cure_of_its_cause(
    number: int, cure: str, tmp_path: Path
) -> None:
    """Space was asked for whatever it was."""
    error = OSError(number, os.strerror(number), "x")
    assert cure in files.unwritable(tmp_path, error).hint
    with pytest.raises(Esp8kError) as caught, files.staged(tmp_path / "new"):
        raise error
    assert cure in caught.value.hint and not (tmp_path / "new").exists()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_file_is_not_replaced(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """Root that wrote to /dev/null had a file in its place."""
    make(tmp_path / "out")
    with pytest.raises(Esp8kError, match="out is not a plain file"):
        files.write_text(tmp_path / "out", "x")
    assert [item.name for item in tmp_path.iterdir()] == ["out"]


def test_a_folder_is_told_by_its_own_name(tmp_path: Path) -> None:
    """It was "Is a directory (digits.4711.part)"."""
    with pytest.raises(Esp8kError, match=f"^{tmp_path} is a folder$"):
        files.write_text(tmp_path, "x")
    assert not list(tmp_path.parent.glob("*.part"))


def test_a_failing_stage_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("old")
    with pytest.raises(RuntimeError), files.staged(tmp_path) as stage:
        (stage / "kept").write_text("new")
        raise RuntimeError
    assert (tmp_path / "kept").read_text() == "old"
    with files.staged(tmp_path) as stage:
        (stage / "kept").write_text("new")
    assert (tmp_path / "kept").read_text() == "new"
    assert [item.name for item in tmp_path.iterdir()] == ["kept"]


def test_success_replaces_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    for name in ("kept", "replaced"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("old")
    with files.staged(tmp_path) as stage:
        (stage / "replaced").mkdir()
        (stage / "replaced" / "other").write_text("new")
    assert (tmp_path / "kept" / "file").exists()
    assert [p.name for p in (tmp_path / "replaced").iterdir()] == ["other"]


def test_only_what_nobody_holds_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program's folder is not ours, however it is called."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(files, "YOUNG_S", -1.0)
    (tmp_path / "esp8k-another").mkdir()
    (tmp_path / f"{files.SCRATCH}killed").mkdir()
    with files.scratch() as first, files.scratch() as second:
        left = {item.name for item in tmp_path.iterdir()}
        assert left == {"esp8k-another", first.name, second.name}
    assert [item.name for item in tmp_path.iterdir()] == ["esp8k-another"]
