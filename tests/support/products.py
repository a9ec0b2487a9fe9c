"""Products that many tests share, made once for all workers by the real commands.

They are made below `build/test`, never in the user's `build/`, and only when a
source is newer than they are: the same rule as in the Makefile. A lock beside each
product lets one worker make it while the others wait; a test that wants to change a
product makes a copy below its `tmp_path`.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from core.paths import ROOT
from core.words import MODELS
from training import data
from training.fused import library

SOURCES = ("core/*.py", "training/*.py", "training/pretrained/*", "export/**/*.py")
GENERATOR = ("export/**/*.jinja", "firmware/components/nn/**/*", ".clang-format")
FIRMWARE = (
    "firmware/**/*.[chS]",
    "firmware/**/*.ld",
    "firmware/**/*.py",
    "firmware/folders.txt",
    "tools/**/*.py",
)

TEST_BUILD = ROOT / "build" / "test"
EXPORT = """
import sys
from export.__main__ import main
for model in sys.argv[1:]:
    main(["--model", model])
"""
LOOK_S = 0.5  # until it is looked again whether another worker's product is there
V2 = ("--model", "v2")  # what most tests of a command run it on


@cache  # no test changes a source, and looking at all takes as long as a short test
def newest(*patterns: str) -> float:
    files = [f for pattern in patterns for f in ROOT.glob(pattern) if f.is_file()]
    return max(file.stat().st_mtime for file in files)


def command(*arguments: str) -> None:
    """Run Python in this checkout; a failure shows what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"ESP8K_BUILD": str(TEST_BUILD)},
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"


def lock(product: str) -> FileLock:
    """Held by the one worker that makes `product`."""
    TEST_BUILD.mkdir(parents=True, exist_ok=True)
    return FileLock(TEST_BUILD / f".{product}.lock")


def stale(product: Path, *patterns: str) -> bool:
    return not product.exists() or product.stat().st_mtime < newest(*patterns)


def unmade(model: str) -> bool:
    """Whether a model is to be exported: its model.json is written last."""
    return stale(TEST_BUILD / model / "model.json", *SOURCES, *GENERATOR)


def export_with(model: str, another: bool) -> None:
    """Export a model and, with one import of TensorFlow, another that nobody makes.

    The lock of the first is held already.
    """
    wanted = [model]
    with ExitStack() as held:
        for other in MODELS if another else ():
            if len(wanted) == 1 and other != model and unmade(other):
                with suppress(Timeout):
                    held.enter_context(lock(other).acquire(blocking=False))
                    wanted.append(other)
        link("data", TEST_BUILD)
        command("-c", EXPORT, *wanted)


@cache
def unpacked_or_compiled(name: str) -> Path:
    """`build/data` or `build/fused`, which tests within this process use, too."""
    home = ROOT / "build"
    with lock(name), pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESP8K_BUILD", str(home))
        data.load() if name == "data" else library.compiled()
    return home / name


def link(name: str, build: Path) -> None:
    """Let a build folder have that one."""
    made = unpacked_or_compiled(name)
    build.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (build / name).symlink_to(made)


@pytest.fixture(scope="session")
def exported() -> Callable[[str], Path]:
    """`exported("v2")` is `build/test/v2`, exported from the shipped checkpoint.

    While another worker makes that one, this worker makes others: all are asked for.
    """
    several = "PYTEST_XDIST_WORKER" in os.environ

    def make(model: str, wait: bool) -> bool:
        while unmade(model):
            try:
                with lock(model).acquire(timeout=LOOK_S if wait else 0):
                    if unmade(model):
                        export_with(model, several)
            except Timeout:  # who makes it may go on with another
                if not wait:
                    return False
        return True

    def export(model: str) -> Path:
        if not make(model, wait=not several):
            for other in MODELS:
                make(other, wait=False)
            make(model, wait=True)
        return TEST_BUILD / model

    return export


@pytest.fixture(scope="session")
def furnished() -> Callable[[Path], Path]:
    """`furnished(build)`: that folder, with data unpacked and training's C compiled.

    A run in an empty folder would spend most of its time on them.
    """

    def furnish(build: Path) -> Path:
        for name in ("data", "fused"):
            link(name, build)
        return build

    return furnish


def verified(model: str) -> str:
    """The digest of an exported model's int8 logits on all 10,000 test images.

    Of its reference, which is TFLite Micro's where there is one: `make export` ran
    both, so no test need run them on all images again.
    """
    rows = json.loads((TEST_BUILD / model / "verify.json").read_text())["rows"]
    digests = {row["artefact"]: row["digest"] for row in rows}
    expected: str = digests["integer reference"]
    assert digests["model_int8.tflite"] in (expected, None)
    return expected


@pytest.fixture(scope="session")
def flashed(exported: Callable[[str], Path]) -> Callable[[str, str], Path]:
    """`flashed("v2", "twin")` is `build/test/v2/twin`, built and flashed."""

    def flash(model: str, board: str) -> Path:
        folder = exported(model) / board
        made_from = (*SOURCES, *GENERATOR, *FIRMWARE)
        with lock(f"{model}-{board}"):
            if stale(folder / "memory.json", *made_from):
                command("-m", "tools.boards.flash", "--model", model, "--board", board)
        return folder

    return flash
