"""Where a new user stumbled once: each line of it stays mended."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from core.errors import Esp8kError
from core.paths import ROOT
from tools.boards import boards, catalogue, flash
from training import data
from training.studies import seeds


def git(folder: Path, *words: str) -> str:
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER")
             for what in ("NAME", "EMAIL")}  # fmt: skip
    done = subprocess.run(
        ["git", "-c", "core.autocrlf=true", *words],
        cwd=folder,
        env={**os.environ, **nobody, **names},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_checkout_with_the_newlines_of_windows_runs(tmp_path: Path) -> None:
    """Git for Windows has core.autocrlf on: bash and make want plain newlines."""
    kept = (".gitattributes", "Makefile", "tools/setup.sh", "core/words.py")
    source = tmp_path / "source"
    for name in kept:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)  # and no run bit
    git(source, "init", "-q")
    git(source, "add", ".")
    git(source, "commit", "-qm", "all")
    git(tmp_path, "clone", "-q", "source", "checkout")
    checkout = tmp_path / "checkout"
    for name in kept:
        assert b"\r" not in (checkout / name).read_bytes(), name
    words = ["bash", "tools/setup.sh"]
    done = subprocess.run(words, cwd=checkout, capture_output=True, text=True)
    assert done.returncode == 2 and "takes python, debian or lock" in done.stderr


def test_every_script_of_ours_keeps_plain_newlines() -> None:
    names = git(ROOT, "ls-files", "*.sh", ".ci/*", "Makefile", "*.py", "*.S").split()
    told = git(ROOT, "check-attr", "eol", *names[:200])
    assert all(line.endswith(": eol: lf") for line in told.splitlines())


def test_what_a_data_set_holds_is_told_to_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    data.main(["--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["train"] == [60000, 28, 28] and len(told["sha256"]) == 64


def test_seeds_without_a_teacher_want_a_model_that_has_one() -> None:
    with pytest.raises(Esp8kError, match="v2 has no teacher"):
        seeds.main(["--model", "v2", "--no-teacher", "--n", "1"])


@pytest.mark.parametrize("where", ["twin", "platformio"])
def test_a_build_folder_that_cannot_be_written_is_said_first(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / where).touch()
    board = boards.Board("twin", catalogue.PROCESS)
    with pytest.raises(Esp8kError, match=f"cannot write to .*{where}"):
        flash.flash("v2", board)


@pytest.mark.parametrize(
    ("done", "told"),
    [
        (flash.ALREADY, ""),
        (flash.RUNS, ""),
        ("written, read back, equal", "v2 on twin: written, read back, equal\n"),
    ],
)
def test_a_verb_that_follows_is_not_buried_under_sizes(
    done: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(flash, "flash", lambda *_: {"flashed": done})
    assert flash.main(["--model", "v2", "--board", "twin", "--brief"]) == 0
    assert capsys.readouterr() == (told, "")
