"""Native code that aborts ends a child, not the program."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from core.errors import CheckFailed, Esp8kError
from core.isolate import isolated
from core.paths import ROOT


def doubled(values: np.ndarray) -> np.ndarray:
    return values * 2


def refused(text: str) -> None:
    raise CheckFailed(text, "a hint")


def aborted() -> None:
    os.kill(os.getpid(), signal.SIGABRT)


def broken() -> None:
    raise KeyError("what")


def test_an_answer_comes_back() -> None:
    assert np.array_equal(isolated(doubled, (np.arange(3),), "it"), [0, 2, 4])


def test_an_answer_comes_back_from_a_new_interpreter() -> None:
    assert isolated(os.path.basename, ("a/b",), "it", fresh=True) == "b"


def test_our_error_keeps_message_hint_and_code() -> None:
    with pytest.raises(Esp8kError, match="no good") as caught:
        isolated(refused, ("no good",), "it")
    assert (caught.value.hint, caught.value.code) == ("a hint", 1)


def test_a_crash_is_an_error() -> None:
    with pytest.raises(Esp8kError, match="it ended by SIGABRT"):
        isolated(aborted, (), "it")


def test_another_error_names_its_kind() -> None:
    with pytest.raises(Esp8kError, match="KeyError: 'what'"):
        isolated(broken, (), "it")


AT_WORK = """
import os, sys, time
from core.isolate import isolated
from core.program import run
def work():
    print(os.getpid(), flush=True)
    time.sleep(60)
run(lambda: isolated(work, (), "it"))
"""


@pytest.mark.parametrize(
    "number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_to_both_ends_both_in_two_lines(number: int, code: int) -> None:
    """A terminal sends Ctrl-C to the whole group, the child among it."""
    process = subprocess.Popen(
        [sys.executable, "-c", AT_WORK],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    child = int(process.stdout.readline())
    os.killpg(process.pid, number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == code, told
    assert told.startswith("error: ") and len(told.splitlines()) == 2
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
