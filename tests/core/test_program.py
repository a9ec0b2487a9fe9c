"""Every ending of a program has its exit code, and no traceback."""

import inspect
import os
import pkgutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import core
import export
import tools
import training
from core.errors import (
    EXIT_CHECK_FAILED,
    EXIT_DEVICE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNFORESEEN,
    EXIT_USAGE,
    Esp8kError,
)
from core.paths import ROOT
from core.program import ending


def raising(error: BaseException):
    def main() -> int:
        raise error

    return main


def classes(kind: type, module: str) -> Iterator[type]:
    """`kind` and everything below it that `module` defines."""
    for one in kind.__subclasses__():
        if one.__module__.startswith(module):
            yield one
        yield from classes(one, module)


def of_ours() -> list[type[Esp8kError]]:
    for package in (core, training, export, tools):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                import_module(found.name)
    return [Esp8kError, *classes(Esp8kError, "")]


def made(kind: type[Esp8kError]) -> Esp8kError:
    """An instance with the device's worst number, or any text, in each place."""
    values = {int: 99, float: 9.0, str: "text", bytes: b"", bool: True}
    signature = inspect.signature(kind, eval_str=True)
    words = {
        name: values.get(parameter.annotation, "text")
        for name, parameter in signature.parameters.items()
        if parameter.default is inspect.Parameter.empty
    }
    return kind(**words)


def test_every_error_of_ours_ends_with_its_own_code(capsys):
    for kind in of_ours():
        code = ending(raising(made(kind)))
        assert code in (EXIT_CHECK_FAILED, EXIT_USAGE, EXIT_DEVICE), kind
        told = capsys.readouterr().err
        assert told.startswith("error: ") and "Traceback" not in told, kind


def test_an_error_cannot_take_another_exit_code():
    for code in (0, 4, 99, 130):
        with pytest.raises(ValueError):
            Esp8kError("text", "", code)
    with pytest.raises(AttributeError):
        Esp8kError("text").code = 99  # type: ignore[misc]


@pytest.mark.parametrize(
    "kind",
    sorted(
        {kind for kind in classes(BaseException, "builtins") if kind is not SystemExit},
        key=lambda kind: kind.__name__,
    ),
    ids=lambda kind: kind.__name__,
)
def test_every_exception_of_python_has_an_exit_code(
    kind, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    arguments = {
        "UnicodeDecodeError": ("utf-8", b"\xff", 0, 1, "bad"),
        "UnicodeEncodeError": ("ascii", "ü", 0, 1, "bad"),
        "UnicodeTranslateError": ("ü", 0, 1, "bad"),
        "BaseExceptionGroup": ("several", [GeneratorExit()]),
        "ExceptionGroup": ("several", [ValueError()]),
    }.get(kind.__name__, ("text",))
    code = ending(raising(kind(*arguments)))
    told = capsys.readouterr().err
    assert "Traceback" not in told and told.startswith("error: ")
    if issubclass(kind, KeyboardInterrupt):
        assert code == EXIT_INTERRUPTED
    elif issubclass(kind, (OSError, MemoryError)):
        assert code == EXIT_USAGE
    else:
        assert code == EXIT_UNFORESEEN
        (log,) = (tmp_path / "logs").iterdir()
        assert str(log) in told and kind.__name__ in log.read_text()
        assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    "left, code",
    [(0, 0), (2, 2), (None, EXIT_UNFORESEEN), (1, EXIT_UNFORESEEN), ("text", 70)],
)
def test_a_library_that_leaves_cannot_choose_the_code(
    left, code, tmp_path, monkeypatch
):
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    assert ending(raising(SystemExit(left))) == code


def test_a_python_without_our_packages_is_no_fault_of_ours(
    tmp_path, monkeypatch, capsys
):
    """`python -m tools.main` of the system's Python: please report it, it said."""
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    foreign = ModuleNotFoundError("No module named 'tyro.conf'", name="tyro.conf")
    assert ending(raising(foreign)) == EXIT_USAGE
    told = capsys.readouterr().err
    assert "has no package tyro\n" in told and "make setup" in told
    assert not (tmp_path / "logs").exists()
    assert ending(raising(ModuleNotFoundError("x", name="core.x"))) == EXIT_UNFORESEEN


def test_permissions_are_not_called_a_full_disk(capsys):
    ending(raising(PermissionError(13, "Permission denied", "build/v3")))
    told = capsys.readouterr().err
    assert "free some space" not in told and "rights" in told
    ending(raising(OSError(28, "No space left on device", "build/v3")))
    assert "free some space" in capsys.readouterr().err


def test_a_program_that_does_not_end_is_no_error_of_ours(capsys):
    """A compiler on a very busy computer was unforeseen."""
    late = subprocess.TimeoutExpired(["gcc", "-O2", "x" * 999], 60.0)
    assert ending(raising(late)) == EXIT_USAGE
    told = capsys.readouterr().err
    assert "no end after 60 s of: gcc -O2" in told and "busy" in told


def test_a_log_that_cannot_be_written_is_told_instead(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path / "file"))
    assert ending(raising(KeyError("x"))) == EXIT_UNFORESEEN
    assert "KeyError" in capsys.readouterr().err


PROGRAM = """
import signal
from core.program import run
def main():
    try:
        print("at work", flush=True)
        signal.pause()
    except KeyboardInterrupt as stop:
        stop.add_note("go on so")
        raise
    finally:
        print("cleaned up", flush=True)
run(main)
"""


@pytest.mark.parametrize(
    "number, code",
    [
        (signal.SIGINT, EXIT_INTERRUPTED),
        (signal.SIGTERM, 128 + signal.SIGTERM),
        (signal.SIGHUP, 129),
    ],
)
def test_ctrl_c_sigterm_and_a_closed_terminal_clean_up_alike(number, code):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "at work\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, "cleaned up\n")
    assert "hint:  go on so" in err and "Traceback" not in err


def test_a_reader_that_leaves_is_no_error():
    code = "from core.program import run; run(lambda: print('x' * 10_000_000))"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=-1
    )
    assert process.stdout and process.stderr
    os.close(process.stdout.fileno())
    process.stdout = None
    assert process.stderr.read() == b""
    assert process.wait(timeout=30) == EXIT_OK


def by_shell(redirected: str, main: str) -> subprocess.CompletedProcess[str]:
    """A program whose streams the shell redirects."""
    code = f"import sys; from core.program import run; run(lambda: {main})"
    script = f'exec "$0" -c "$1" {redirected}'
    words = ["bash", "-c", script, sys.executable, code]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True)


def test_a_closed_stdout_is_no_error_and_no_file_gets_its_number(tmp_path):
    made = tmp_path / "made"
    done = by_shell(">&- <&-", f"open({str(made)!r}, 'w').fileno() < 3 or print(1)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_error_without_a_stderr_is_not_on_stdout():
    done = by_shell("2>&-", "open('/nowhere')")
    assert (done.returncode, done.stdout) == (EXIT_USAGE, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux has it")
@pytest.mark.parametrize("redirected", [">/dev/full", "2>/dev/full", "&>/dev/full"])
def test_a_full_disk_behind_a_stream_keeps_the_code(redirected):
    main = "print('told') or open('/nowhere')"
    done = by_shell(redirected, main)
    assert done.returncode == EXIT_USAGE and "Traceback" not in done.stderr
    alone = by_shell(redirected, "print('told')")
    assert alone.returncode == (0 if redirected[0] == "2" else EXIT_USAGE)
    if redirected[0] == ">":
        assert "No space left" in alone.stderr and "output" in alone.stderr


def test_a_folder_that_is_gone_is_said(tmp_path):
    (tmp_path / "gone").mkdir()
    code = "from core.program import run; run(lambda: print('x'))"
    script = 'cd "$0" && rmdir "$0" && exec "$1" -c "$2"'
    words = ["bash", "-c", script, str(tmp_path / "gone"), sys.executable, code]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=env, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (EXIT_USAGE, "")
    assert "the current folder is gone" in done.stderr


def test_nohup_is_respected():
    code = "import os, signal; from core.program import run\n"
    code += "run(lambda: os.kill(os.getpid(), signal.SIGHUP))"
    script = 'trap "" HUP; exec "$0" -c "$1"'
    words = ["bash", "-c", script, sys.executable, code]
    assert subprocess.run(words, cwd=ROOT).returncode == EXIT_OK


def test_an_old_python_is_told_before_a_traceback() -> None:
    code = "import sys; sys.version_info = (3, 9, 2); import tools.main"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == EXIT_USAGE and "this is 3.9\n" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_runs_onnx_tells_nobody(tmp_path: Path) -> None:
    """A number of this computer and a list of events lay in ~/.cache and /tmp."""
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME"), str(tmp_path))
    unsaid = {k: v for k, v in os.environ.items() if "TELEMETRY" not in k}
    code = "import core, onnxruntime as o; o.get_available_providers()"
    subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=unsaid | places, check=True
    )
    assert not list(tmp_path.rglob("*"))


def test_a_lock_that_trips_over_ctrl_c_is_ctrl_c(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> int:
        try:
            raise KeyboardInterrupt
        finally:
            threading.Lock().release()  # as a condition's, whose wait is broken off

    assert ending(main) == EXIT_INTERRUPTED
    assert capsys.readouterr().err.startswith("error: interrupted")
