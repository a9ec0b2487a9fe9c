"""tools/setup.sh: which Python it takes, and what it says of others."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from core.paths import ROOT

PYTHON = """#!/bin/sh
case "$1" in
  -c) echo {version} ;;
  *) echo "python {version} $*" >> calls; exit 1 ;;
esac
"""


def program(path: Path, version: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PYTHON.format(version=version))
    path.chmod(0o755)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    script = tmp_path / "tools" / "setup.sh"
    script.write_bytes((ROOT / "tools" / "setup.sh").read_bytes())  # no run bit
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    for name in ("bash", "sh", "sed", "dirname", "cat", "head", "tr"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    return tmp_path


def setup(checkout: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [checkout / "bin" / "bash", "tools/setup.sh", "python"],
        cwd=checkout,
        env={**os.environ, "PATH": str(checkout / "bin"), **more},
        capture_output=True,
        text=True,
    )


def test_a_second_setup_waits_for_the_first(checkout: Path) -> None:
    (checkout / "bin" / "flock").symlink_to(shutil.which("flock") or "flock")
    (checkout / "bin" / "mkdir").symlink_to(shutil.which("mkdir") or "mkdir")
    program(checkout / "bin" / "python3.11", "3.11")
    (checkout / "build").mkdir()
    environment = {**os.environ, "PATH": str(checkout / "bin")}
    environment.pop("ESP8K_BUILD", None)
    with (checkout / "build" / ".setup-lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        second = subprocess.Popen(
            [checkout / "bin" / "bash", "tools/setup.sh", "python"],
            cwd=checkout,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr is not None
        assert "another setup is at work" in second.stderr.readline()
        assert second.poll() is None and not (checkout / "calls").exists()
    second.communicate(timeout=30)
    assert (checkout / "calls").read_text() == "python 3.11 -m venv .venv\n"


def test_a_build_folder_that_cannot_be_written_has_a_cure(checkout: Path) -> None:
    for name in ("flock", "mkdir"):
        (checkout / "bin" / name).symlink_to(shutil.which(name) or name)
    (checkout / "file").write_text("no folder")
    done = setup(checkout, ESP8K_BUILD="file/build")
    assert done.returncode == 2
    error, hint = done.stderr.splitlines()
    assert error == "error: cannot write to file/build" and "ESP8K_BUILD" in hint


def test_without_a_python_that_fits_one_true_sentence(checkout):
    program(checkout / "bin" / "python3", "3.14")
    done = setup(checkout)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: there is no Python 3.11, 3.12 or 3.13 here, only 3.14",
        "hint:  install one that your system has: apt-get install python3.11-venv,"
        " or python3.12-venv, or python3.13-venv",
    ]


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_each_python_that_the_pins_allow_makes_the_venv(checkout, version):
    program(checkout / "bin" / f"python{version}", version)
    program(checkout / "bin" / "python3", "3.9")
    done = setup(checkout)
    assert (checkout / "calls").read_text() == f"python {version} -m venv .venv\n"
    assert f"apt-get install python{version}-venv" in done.stderr


def test_a_venv_that_was_cut_off_gets_its_pip(checkout):
    """Debian's Python without python3-venv leaves one, and so does Ctrl-C."""
    program(checkout / ".venv" / "bin" / "python", "3.12")
    done = setup(checkout)
    calls = (checkout / "calls").read_text()
    assert calls == "python 3.12 -m ensurepip --default-pip\n"
    assert done.returncode == 2 and "python3.12-venv" in done.stderr


@pytest.mark.parametrize("version, told", [("3.10", "3.10"), ("", "that is gone")])
def test_a_venv_of_another_python_is_seen(checkout, version, told):
    program(checkout / ".venv" / "bin" / "python", version)
    program(checkout / "bin" / "python3.11", "3.11")
    done = setup(checkout)
    assert done.returncode == 2
    assert f".venv is of Python {told}" in done.stderr
    assert "rm -r .venv" in done.stderr and not (checkout / "calls").exists()


def test_silent_minutes_have_a_clock_on_a_terminal(checkout):
    """Five minutes without a word look like a program that hangs."""
    for name in ("sleep", "env"):
        (checkout / "bin" / name).symlink_to(shutil.which(name) or name)
    program(checkout / ".venv" / "bin" / "python", "3.11")
    pip = checkout / ".venv" / "bin" / "pip"
    pip.write_text("#!/bin/sh\ncase $* in *--require-hashes*) sleep 1.5 ;; esac\n")
    pip.chmod(0o755)
    person, terminal = os.openpty()
    with open(person, "rb", 0) as shown:
        done = subprocess.run(
            [checkout / "bin" / "bash", "tools/setup.sh", "python"],
            cwd=checkout,
            env={**os.environ, "PATH": str(checkout / "bin")},
            stderr=terminal,
        )
        os.close(terminal)
        told = shown.read(4096).decode()
    assert done.returncode == 0
    assert "\rsetup: 0:01 " in told and told.endswith("\x1b[K")
