"""What a killed command leaves: nothing half-written, and after the next one nothing.

Each command is watched at every change that it makes to a file; what lies there before
each one is what a SIGKILL would leave. Then it is killed, and ended by SIGTERM, for
real: `ESP8K_KILLS=9 pytest tests/tools/test_killed.py` does it to every command, at
nine moments each.
"""

import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from core.published import LIST
from tests.support.file_operations import GO, KILL, TERM, Folder, State, watch
from tests.support.products import TEST_BUILD
from training.checkpoint import PICTURES

KILLS = int(os.environ.get("ESP8K_KILLS", "0"))  # 0: the quick cases alone, one each
OLD = b"of another run"
# Not products: who holds the folder, how far a run has come.
APART = (".lock", "unfinished.pt", LIST)
EXPORTED = "model_fp32.onnx", "model_int8.tflite", "plan.json", "verify.json"
# The export of few test images, so that it takes seconds.
FEW = """
import dataclasses
from training import data
load = data.load
def few(*name):
    full = load(*name)
    images, labels = full.test_images[:9], full.test_labels[:9]
    return dataclasses.replace(full, test_images=images, test_labels=labels)
data.load = few
from tools.main import program
program()
"""


@dataclass(frozen=True)
class Case:
    """A command, what lay there before it, and what tells that all is of one run."""

    words: str
    root: str  # its folder, below the test's
    old: tuple[str, ...]  # files of an earlier run
    key: str  # where it is, the others are of its run
    partly: bool = False  # the others may still be missing


FLASHED = ("firmware.elf", "app.bin", "flashed.bin", "memory.json")
CASES = {
    "train": Case(
        "train --model v1 --subset 64 --epochs 1",
        "build/v1",
        ("model.pt", "metrics.json", *PICTURES),
        "model.pt",
        partly=True,
    ),
    "export": Case(
        "export --model v1", "build/v1", (*EXPORTED, "model.json"), "model.json"
    ),
    "compile": Case(
        f"compile {TEST_BUILD}/v2/model_int8.tflite --name net -o OUT",
        "OUT",
        ("src/net_model.h", "src/net_int8_network.c", "src/gone.c", "README.md"),
        "src/net_model.h",
    ),
    "flash": Case(
        "flash --model v2 --board virtual",
        "build/v2",
        tuple(f"virtual/{name}" for name in FLASHED),
        "virtual/memory.json",
    ),
    "report": Case(
        "report --model v2 --board twin --limit 5",
        "build/v2",
        ("twin/report-of-5/report.json", "twin/report-of-5/report.html"),
        "twin/report-of-5/report.json",
    ),
}
QUICK = ("compile", "train")


class Run:
    """One case in a folder of its own."""

    def __init__(self, name: str, folder: Path, shim: Path) -> None:
        self.case, self.folder, self.shim = CASES[name], folder, shim
        self.root = folder / self.case.root
        self.temporary = folder / "tmp"
        words = [
            word.replace("OUT", str(folder / "OUT")) for word in self.case.words.split()
        ]
        start = ["-c", FEW] if name == "export" else ["-m", "tools.main"]
        self.command = [sys.executable, *start, *words]
        self.environment = {
            "ESP8K_BUILD": str(folder / "build"),
            "TMPDIR": str(self.temporary),
            "OMP_NUM_THREADS": "1",
        }

    def prepare(self) -> State:
        """The folder as an earlier run left it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        if self.case.root == "build/v2":
            ignored = shutil.ignore_patterns("platformio", "report*")
            shutil.copytree(TEST_BUILD / "v2", self.root, ignore=ignored)
        for name in self.case.old:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_bytes(OLD)
        if self.case.root == "OUT":
            listed = dict.fromkeys(self.case.old, sha256(OLD).hexdigest())
            (self.root / LIST).write_text(json.dumps(listed))
        return Folder(self.root).state()

    def watched(self, at: Callable[[int, str], str]) -> tuple[int, list[str]]:
        """Its exit status and its operations."""
        folders = [self.root, self.temporary]
        done = watch(self.shim, self.command, self.environment, folders, at)
        assert done.status in (0, -9, 143), done.output
        return done.status, done.operations

    def strays(self) -> list[Path]:
        """What a killed process left: neighbours, and temporary folders of ours."""
        left = [p for p in self.root.rglob("*.part") if "platformio" not in p.parts]
        return [*left, *self.temporary.glob("esp8k-*")]


def products(state: State) -> State:
    """What a reader takes for finished."""
    return {n: d for n, d in state.items() if ".part" not in n and n not in APART}


def faults(case: Case, old: State, final: State, seen: State) -> list[str]:
    """What is half-written or mixed in one moment."""
    found = [
        f"{name} is neither old nor new"
        for name, digest in seen.items()
        if digest not in (old.get(name), final.get(name))
    ]
    run = {final[case.key]: final, old[case.key]: old}.get(seen.get(case.key, ""), {})
    for name, digest in run.items():
        lacking = name not in seen and case.partly
        if seen.get(name) != digest and not lacking:
            found.append(f"{name} is of another run than {case.key}")
    return found


@pytest.fixture(scope="module", autouse=True)
def _products(exported: Callable, flashed: Callable) -> None:
    exported("v2")
    flashed("v2", "twin")


@pytest.mark.parametrize("name", CASES if KILLS else QUICK)
def test_a_command_that_is_killed(name: str, tmp_path: Path, file_shim: Path) -> None:
    run = Run(name, tmp_path / "run", file_shim)
    old = products(run.prepare())
    moments: dict[int, State] = {}
    looked = Folder(run.root)

    def look(number: int, _: str) -> str:
        moments[number] = products(looked.state())
        return GO

    status, operations = run.watched(look)
    final = products(looked.state())
    assert status == 0 and len(operations) > 10 and not run.strays()
    assert old[run.case.key] != final[run.case.key]
    for number, seen in moments.items():
        told = faults(run.case, old, final, seen)
        assert not told, f"before {operations[number - 1]} ({number}): {told}"

    draw = random.Random(name)
    count = max(KILLS, 1 if name == "compile" else 0)
    for number in draw.sample(range(1, len(operations)), count):
        kill(run, number)
        assert products(Folder(run.root).state()).keys() == final.keys(), number
        end(run, number)


def kill(run: Run, number: int) -> None:
    """SIGKILL before that operation; the next run goes through and clears up."""
    run.prepare()
    assert run.watched(lambda n, _: KILL if n == number else GO)[0] == -9
    assert run.watched(lambda *_: GO)[0] == 0
    assert not run.strays(), number


def end(run: Run, number: int) -> None:
    """SIGTERM before that operation: nothing stays, as after Ctrl-C."""
    run.prepare()
    run.watched(lambda n, _: TERM if n == number else GO)
    assert not run.strays(), number
