"""Two at once: the second waits and says for whom, or is refused."""

import os
import signal
import subprocess
import sys

import pytest

from core.errors import Esp8kError
from core.lock import lock
from core.paths import ROOT

HOLDER = """
import sys, time
from pathlib import Path
from core.lock import lock
with lock(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def hold(tmp_path):
    """Start a process that holds the folder; a line on its stdin ends it."""
    started = []

    def start(verb: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path), verb],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout and process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_who_holds_it_is_said(hold, tmp_path):
    process = hold("export")
    with pytest.raises(Esp8kError) as caught:
        with lock(tmp_path, "flash", patience_s=0.0):
            pass
    assert f"in use by esp8k export (process {process.pid})" in caught.value.message


@pytest.mark.parametrize(
    "there", [b"", b"\xff\xfe", b"train 1; reboot\n", b"\x1b[2Jtrain 1\n", b"x" * 9999]
)
def test_what_lies_in_a_lock_is_nobodys_word(hold, tmp_path, there: bytes, capsys):
    hold("export")
    (tmp_path / ".lock").write_bytes(there)
    with pytest.raises(Esp8kError, match="in use by another program") as caught:
        with lock(tmp_path, "flash", patience_s=0.0):
            pass
    assert "kill" not in caught.value.hint
    assert capsys.readouterr().err == ""


def test_nobody_waits_for_a_training(hold, tmp_path, capsys):
    hold("train")
    with pytest.raises(Esp8kError, match="in use by esp8k train"):
        with lock(tmp_path, "export"):
            pass
    assert capsys.readouterr().err == ""


def test_the_second_waits_until_the_first_is_done(hold, tmp_path, capsys):
    process = hold("flash")
    process.stdin.write("\n")
    process.stdin.flush()
    with lock(tmp_path, "export"):
        assert process.wait(timeout=30) == 0


def test_a_killed_holder_leaves_no_lock_and_nothing_half_written(hold, tmp_path):
    process = hold("export")
    (tmp_path / f"model.pt.{process.pid}.part").touch()
    (tmp_path / "twin" / "report" / f".staged.{process.pid}.part").mkdir(parents=True)
    ours = tmp_path / "twin" / f"report.html.{os.getpid()}.part"
    ours.touch()  # of a process that lives
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    with lock(tmp_path, "export", patience_s=1.0):
        left = {path.name for path in tmp_path.rglob("*")}
    assert left == {".lock", "twin", "report", ours.name}
