"""A folder that somebody else has files in: ours come and go, theirs stay."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from core.errors import Esp8kError
from core.paths import ROOT
from core.published import LIST, published


def publish(target: Path, **files: str) -> None:
    """Write files below `target`; `__` in a name is a folder."""
    with published(target) as made:
        for name, text in files.items():
            path = made.stage / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)


def content(target: Path) -> dict[str, str]:
    """Every file but the list."""
    return {
        str(p.relative_to(target)): p.read_text()
        for p in target.rglob("*")
        if p.is_file() and p.name != LIST
    }


def test_files_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.c").write_text("mine")
    publish(tmp_path, src__net="one", include__net="two")
    assert content(tmp_path) == {
        "src/main.c": "mine",
        "src/net": "one",
        "include/net": "two",
    }


def test_a_file_of_others_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("mine")
    with pytest.raises(Esp8kError, match="already has README") as caught:
        publish(tmp_path, README="ours", other="ours")
    assert "new folder" in caught.value.hint
    assert content(tmp_path) == {"README": "mine"}
    assert [p.name for p in tmp_path.iterdir()] == ["README"]


def test_what_we_wrote_is_replaced_and_what_we_no_longer_make_goes(
    tmp_path: Path,
) -> None:
    publish(tmp_path, kept="1", gone="1", src__a="1")
    with published(tmp_path) as made:
        (made.stage / "kept").write_text("2")
    assert (made.replaced, made.removed) == (["kept"], ["gone", "src/a"])
    assert content(tmp_path) == {"kept": "2"}


def test_what_was_edited_since_is_somebodys_work(tmp_path: Path) -> None:
    publish(tmp_path, a="1", b="1")
    (tmp_path / "a").write_text("edited")
    with pytest.raises(Esp8kError, match="already has a"):
        publish(tmp_path, a="2")
    (tmp_path / "b").write_text("edited")
    publish(tmp_path, c="1")
    assert content(tmp_path) == {"a": "edited", "b": "edited", "c": "1"}


def test_what_a_link_leads_to_is_never_written(tmp_path: Path) -> None:
    outside, target = tmp_path / "outside", tmp_path / "target"
    outside.mkdir()
    target.mkdir()
    (target / "src").symlink_to(outside)
    (target / "file").symlink_to(outside / "file")
    for name in ("src__a", "file"):
        with pytest.raises(Esp8kError, match="already has"):
            publish(target, **{name: "ours"})
    assert not list(outside.iterdir())


def test_a_list_that_names_other_folders_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    publish(target, a="1")
    victim = tmp_path / "victim"
    victim.write_text("1")
    listed = (target / LIST).read_text()
    (target / LIST).write_text(listed.replace('"a"', '"../victim"'))
    (target / "a").unlink()
    publish(target, b="1")
    assert victim.exists()


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("a file")
    with pytest.raises(Esp8kError, match="is a file, not a folder"):
        publish(tmp_path / "target", a="1")


def test_terminating_leaves_no_stage(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import pathlib, signal, sys
        from core.program import run
        from core.published import published

        def main():
            with published(pathlib.Path(sys.argv[1])) as made:
                (made.stage / "half").write_text("half")
                print("ready", flush=True)
                signal.pause()

        run(main)
        """
    )
    (tmp_path / "mine").write_text("mine")
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    ) as running:
        assert running.stdout is not None and running.stdout.readline() == b"ready\n"
        running.send_signal(signal.SIGTERM)
        running.wait(30)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
