"""No program outlives the command that started it, nor do its own children."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import family
from tests.support.parent import started

# A program that starts another one, which would work for a minute.
PARENT = """
import signal, subprocess
signal.signal(signal.SIGINT, signal.SIG_DFL)
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
child.wait()
"""
COMMAND = f"""
import sys
from core import family
from core.program import run
run(lambda: family.run([sys.executable, "-c", {PARENT!r}]).returncode)
"""


def gone(process: int) -> bool:
    """Whether it ends within a second; what nobody waits for is a zombie at least."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
        except FileNotFoundError:
            return True
        if state.split()[0] == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_command_ends_its_grandchildren(number: signal.Signals) -> None:
    with started(COMMAND) as (command, grandchild):
        # A terminal sends Ctrl-C to all; others who end a program know only it.
        send = os.killpg if number == signal.SIGINT else os.kill
        send(command.pid, number)
        _, said = command.communicate(timeout=10)
    assert command.returncode == 128 + number
    assert said.startswith("error: ")
    assert gone(grandchild)


def test_a_program_that_takes_too_long_ends_with_all_it_started() -> None:
    words = [sys.executable, "-c", PARENT]
    with pytest.raises(subprocess.TimeoutExpired) as late:
        family.run(words, stdout=subprocess.PIPE, timeout=3.0)
    assert late.value.stdout and gone(int(late.value.stdout))


def test_what_it_says_and_its_status_come_back() -> None:
    done = family.run(["sh", "-c", "echo so; exit 3"], stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (3, "so\n")


# Its child and its file in /tmp are cc1 and what that writes, to a driver as gcc.
COMPILER = f"""#!{sys.executable}
import os, signal, subprocess, sys, tempfile
signal.signal(signal.SIGINT, signal.default_int_handler)
with tempfile.NamedTemporaryFile():
    child = subprocess.Popen(["sleep", "60"])
    os.write(os.open(f"/proc/{{os.getppid()}}/fd/1", os.O_WRONLY), b"%d\\n" % child.pid)
    child.wait()
"""
COMPILES = {
    "the host's C": "from export.emit.host_build import compile_c as f;"
    "run(lambda: f([], [], Path('x')))",
    "the page's C": "from tools.web.build import compile_wasm as f;"
    "run(lambda: f(Path('/nowhere'), Path('x')))",
    "the training's C": "from training.fused.library import compiled; run(compiled)",
}


@pytest.mark.parametrize("what", COMPILES)
def test_a_compiler_that_is_ended_leaves_no_child_and_no_file(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cc1 went on for seconds, and its objects stayed in /tmp."""
    temporary, compiler = tmp_path / "tmp", tmp_path / "clang-19"
    temporary.mkdir()
    compiler.write_text(COMPILER)
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    code = f"from pathlib import Path; from core.program import run; {COMPILES[what]}"
    with started(code) as (command, grandchild):
        command.send_signal(signal.SIGTERM)
        _, said = command.communicate(timeout=10)
    assert command.returncode == 128 + signal.SIGTERM, said
    assert gone(grandchild) and not list(temporary.iterdir())
