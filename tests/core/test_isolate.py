"""Native code that aborts ends a child, not the program."""

import os
import signal
from collections.abc import Callable

import numpy as np
import pytest

from core.errors import CheckFailed, Esp8kError
from core.isolate import isolated
from tests.support.parent import started


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
POOL = """
import time
from core.isolate import workers
from core.program import run
def main():
    with workers(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        for wait in [pool.submit(time.sleep, 60) for _ in range(3)]:
            wait.result()
import os
run(main)
"""


@pytest.mark.parametrize(
    "code, number, status, send",
    [
        (AT_WORK, signal.SIGINT, 130, os.killpg),
        (AT_WORK, signal.SIGTERM, 143, os.killpg),
        (AT_WORK, signal.SIGHUP, 129, os.killpg),
        (POOL, signal.SIGINT, 130, os.killpg),
        (POOL, signal.SIGTERM, 143, os.kill),
    ],
)
def test_a_signal_ends_both_in_two_lines(
    code: str, number: int, status: int, send: Callable[[int, int], None]
) -> None:
    """A terminal sends Ctrl-C to the whole group, the child among it."""
    with started(code) as (process, child):
        send(process.pid, number)
        _, told = process.communicate(timeout=30)
    assert process.returncode == status, told
    assert told.startswith("error: ") and len(told.splitlines()) == 2
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
