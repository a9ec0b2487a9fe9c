"""Firmware built once a session from a small echo application, not from src/."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.paths import ROOT
from tools.boards import boards, flash

FIXTURES = ROOT / "tests" / "firmware" / "fixtures"
C99 = "-std=c99 -O2 -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow".split()
C99 += ["-Wconversion", "-Werror"]
NEEDS = {
    "virtual": ("xtensa-lx106-elf-gcc", "llvm-mc-22", "qemu-system-xtensa"),
    "riscv": ("riscv64-unknown-elf-gcc", "qemu-system-riscv32"),
    "twin": ("gcc",),
}


def need(*programs: str) -> None:
    """Skip where a compiler or emulator is missing; CI has them all."""
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


@pytest.fixture(scope="session")
def echo_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path as users have them: blanks, commas and letters beyond ASCII."""
    return tmp_path_factory.mktemp("echo") / "with blank, ü"


@pytest.fixture
def echo_build(echo_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """ESP8K_BUILD of this session; the echo application and the fake model."""
    monkeypatch.setenv("ESP8K_BUILD", str(echo_root))
    monkeypatch.setenv("ESP8K_APP_DIR", str(FIXTURES / "echo_app"))
    monkeypatch.setenv("ESP8K_MODEL_DIR", str(FIXTURES / "model"))
    return echo_root


@pytest.fixture
def echo(echo_build: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A board's name with the echo application flashed to it."""
    board: str = request.param
    need(*NEEDS[board])
    folder = echo_build / "v2" / board
    if not (folder / "memory.json").exists():
        flash.flash("v2", boards.choose(board, None, boards.FLASH, quiet=True))
    yield board


def on(*names: str) -> pytest.MarkDecorator:
    """Run a test on these boards."""
    return pytest.mark.parametrize("echo", names, indirect=True)
