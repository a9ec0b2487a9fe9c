"""Where a new user stumbled once: each line of it stays mended."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from core.errors import DeviceError, Esp8kError
from core.paths import ROOT
from core.words import PROCESS
from export import __main__ as export
from tests.support.fakes import FakeDevice, FakeHost, opener, some_images
from tools.boards import boards, flash
from tools.faults import chaos
from tools.report import report
from training import data, progress, train
from training.studies import compare, search, seeds, tables


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
        seeds.main(["--model", "v2", "--no-teacher", "--seeds", "1"])


@pytest.mark.parametrize("where", ["twin", "platformio"])
def test_a_build_folder_that_cannot_be_written_is_said_first(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    (tmp_path / "v2").mkdir()
    (tmp_path / "v2" / where).touch()
    board = boards.Board("twin", PROCESS)
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


WRITERS: dict[str, tuple[ModuleType, Callable[[], object]]] = {
    "train": (train, lambda: train.main(["--model", "v2"])),
    "export": (export, lambda: export.main(["--model", "v2"])),
    "flash": (flash, lambda: flash.main(["--model", "v2", "--board", "twin"])),
    "build": (
        flash,
        lambda: flash.flash("v2", boards.Board("twin", PROCESS), True),
    ),
}


@pytest.mark.parametrize("verb", WRITERS)
def test_a_verb_writes_where_no_other_does(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two exports at once left the files of both."""
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    module, run = WRITERS[verb]

    def held(folder: Path, verb: str) -> None:
        raise Esp8kError(f"{folder} is in use, {verb} waits", "")

    monkeypatch.setattr(module, "lock", held)
    with pytest.raises(Esp8kError, match=f"v2 is in use, {verb} waits"):
        run()
    assert not [path for path in (tmp_path / "v2").rglob("*") if path.is_file()]


STUDIES: dict[str, Callable[[Sequence[str]], object]] = {
    "search": search.main,
    "compare": compare.main,
    "tables": tables.main,
}


@pytest.mark.parametrize("verb", STUDIES)
def test_what_is_committed_is_rewritten_only_when_asked(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    tried = {"spec": "fc", "seed": 0, "parameters": 7, "macs": 9, "validation": {}}
    monkeypatch.setattr(search, "attempt", lambda _: tried)
    for table in ("results", "search", "less_data", "confidence"):
        monkeypatch.setattr(tables, table, lambda: "another table")
    kept = [*(ROOT / "training" / "results").glob("*.*"), ROOT / "training/README.md"]
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in kept]
    STUDIES[verb]([])
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in kept] == before


def test_a_seed_beyond_32_bits_is_said() -> None:
    with pytest.raises(Esp8kError, match="--seed 99999999999999999999 is out of range"):
        train.main(["--seed", "99999999999999999999"])


def test_chaos_tells_its_figures_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = {"wrong": 0, "hangs": 0, "failed": 0, "crashes": 0, "resets_noticed": 0}
    record = sound | {"faults": {"flip": 12, "cut": 3}}
    monkeypatch.setattr(chaos, "images_of", lambda *_: some_images(1))
    monkeypatch.setattr(chaos, "in_memory", lambda *_: record)
    assert chaos.main([]) == 0
    out = capsys.readouterr().out
    assert "flip 12, cut 3" in out and "{" not in out


@pytest.fixture
def reporting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], report.Target]:
    """`reporting(board)`: from now on `esp8k report` has that board, a faithful one."""
    host = FakeHost(tmp_path / "v2")
    asked = report.Subject(some_images(4), np.arange(4, dtype=np.uint8), "d")
    monkeypatch.setattr(report, "Host", lambda _: host)
    monkeypatch.setattr(report, "load_subject", lambda *_: asked)

    def choose(board: str) -> report.Target:
        def fresh() -> object:
            return opener(FakeDevice())()

        target = report.Target(board, "emulated", fresh, None)  # type: ignore[arg-type]
        monkeypatch.setattr(report, "open_target", lambda _: target)
        return target

    return choose


def test_the_report_of_another_board_stays(
    reporting: Callable[[str], report.Target], tmp_path: Path
) -> None:
    for board in ("virtual", "twin"):
        reporting(board)
        assert report.main(["--model", "v2"]) == 0
    for board in ("virtual", "twin"):
        page = tmp_path / "v2" / board / "report"
        told = json.loads((page / "report.json").read_text())
        assert told["board"] == board and (page / "report.html").exists()


def test_a_report_that_cannot_be_written_is_said_before_any_work(
    reporting: Callable[[str], report.Target],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It took 209 s, and then: free some space."""
    reporting("virtual")
    (tmp_path / "v2" / "virtual").touch()
    monkeypatch.setattr(report, "make_report", lambda *_: pytest.fail("long work"))
    with pytest.raises(Esp8kError, match="cannot write to .*report") as caught:
        report.main(["--model", "v2"])
    assert not isinstance(caught.value, DeviceError)


def test_a_slow_computer_is_told_how_long_training_goes_on() -> None:
    """A step each 40 s: the time left was -:--:-- for 47 minutes."""
    bar, now = progress.Progress("v3", 1), 0.0
    bar.bar.get_time = lambda: now
    for step in range(4):
        bar.step(step, 100, 0.1)
        now += 40
    (task,) = bar.bar.tasks
    assert task.time_remaining == pytest.approx(97 * 40, rel=0.2)


NOBODY_KNEW = ("can be used", "no board's time", "784 raw bytes", "sensor: a digit")


def test_words_that_nobody_understood_are_gone() -> None:
    """Of what is printed or shown: sources, templates, the page, the documents."""
    names = git(ROOT, "ls-files", "*.py", "*.jinja", "*.c", "*.js", "*.html", "*.md")
    for name in names.split("\n"):
        if name and not name.startswith("tests/"):
            text = (ROOT / name).read_text()
            assert not [words for words in NOBODY_KNEW if words in text], name
