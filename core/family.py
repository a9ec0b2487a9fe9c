"""Run a program that starts others: what ends us, or the program, ends all of them.

    done = family.run(["platformio", "run"], timeout=600)

Killed alone, it leaves its children at work: on a port, and in a folder that the next
command takes.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from typing import Any

POLITE_S = 10.0  # to clean up after Ctrl-C


def run(words: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with text, in a session that does not outlive the call."""
    timeout_s = options.pop("timeout", None)
    with subprocess.Popen(words, text=True, start_new_session=True, **options) as child:
        try:
            out, err = child.communicate(timeout=timeout_s)
        except BaseException:
            child.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.communicate(timeout=POLITE_S)
            raise
        finally:
            _end(child)
    return subprocess.CompletedProcess(words, child.returncode, out, err)


def _end(child: "subprocess.Popen[str]") -> None:
    if os.name != "posix":
        child.kill()
        return
    with contextlib.suppress(ProcessLookupError):  # as it should be
        os.killpg(child.pid, signal.SIGKILL)
