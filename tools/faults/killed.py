"""Commands to kill, what lay there before them, and what must not lie there after."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from core.published import LIST
from tools.faults.watched import GO, KILL, TERM, Folder, Process, State, watch
from training.checkpoint import PICTURES

OLD = b"of another run"
# Not products: who holds the folder, how far a run has come.
APART = (".lock", "unfinished.pt", LIST)
EXPORTED = "model_fp32.onnx", "model_int8.tflite", "plan.json", "verify.json"
FLASHED = ("firmware.elf", "app.bin", "flashed.bin", "memory.json")
REPORTED = "twin/report-of-5/report.json", "twin/report-of-5/report.html"
# Of a name, what no next run looks at: the process, what is within a neighbour or a
# temporary folder of ours, the letters of the compiler, of Python, of a port.
WITHIN = re.compile(
    r"\.\d+\.part.*|(?<=^esp8k-held-).*|^cc[A-Za-z0-9]{6}\b.*|^[a-z0-9_]{8}$"
    r"|[0-9a-f]{32}"
)
# The command line; the export of few test images, so that it takes seconds.
PLAIN = "from tools.main import program\nprogram()\n"
FEW = f"""
import dataclasses
from training import data
load = data.load
def few(*name):
    full = load(*name)
    images, labels = full.test_images[:9], full.test_labels[:9]
    return dataclasses.replace(full, test_images=images, test_labels=labels)
data.load = few
{PLAIN}"""
FURNITURE = ("data", "fused")  # of a build folder, made by the first command there
Launch = Callable[[str, Sequence[str], Mapping[str, str], int], Process]


@dataclass(frozen=True)
class Case:
    """A command, what lay there before it, and what tells that all is of one run."""

    words: str
    root: str  # its folder, below that of the run
    old: tuple[str, ...]  # files of an earlier run
    key: str  # where it is, the others are of its run
    partly: bool = False  # the others may still be missing
    code: str = PLAIN


CASES = {
    "train": Case(
        "train --model v1 --images 64 --epochs 1",
        "build/v1",
        ("model.pt", "metrics.json", *PICTURES),
        "model.pt",
        partly=True,
    ),
    "export": Case(
        "export --model v1",
        "build/v1",
        (*EXPORTED, "model.json"),
        "model.json",
        code=FEW,
    ),
    "compile": Case(
        "compile MADE/model_int8.tflite --name net -o OUT",
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
        "report --model v2 --board twin --images 5", "build/v2", REPORTED, REPORTED[0]
    ),
}


def spawn(
    code: str, words: Sequence[str], environment: Mapping[str, str], output: int
) -> Process:
    """The program as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        env={**os.environ, **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


class Run:
    """One case in a folder of its own; `made` is the build folder of v2's products."""

    def __init__(
        self, name: str, folder: Path, made: Path, shim: Path, launch: Launch = spawn
    ) -> None:
        self.case, self.folder, self.made = CASES[name], folder, made / "v2"
        self.root = folder / self.case.root
        self.temporary = folder / "tmp"
        self.launch = launch
        places = {"OUT": str(folder / "OUT"), "MADE": str(self.made)}
        words = self.case.words
        for short, place in places.items():
            words = words.replace(short, place)
        self.words = words.split()
        self.environment = {
            "ESP8K_BUILD": str(folder / "build"),
            "TMPDIR": str(self.temporary),
            "OMP_NUM_THREADS": "1",
            "LD_PRELOAD": str(shim),
        }

    def prepare(self) -> State:
        """The folder as an earlier run left it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        for name in FURNITURE:  # else most of a run's time would go into them
            if (made := self.made.parent / name).is_dir():
                (self.folder / "build").mkdir(exist_ok=True)
                (self.folder / "build" / name).symlink_to(made.resolve())
        if self.case.root == "build/v2":
            ignored = shutil.ignore_patterns("platformio", "report*", "web")
            shutil.copytree(self.made, self.root, ignore=ignored)
        for name in self.case.old:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_bytes(OLD)
        if self.case.root == "OUT":
            listed = dict.fromkeys(self.case.old, sha256(OLD).hexdigest())
            (self.root / LIST).write_text(json.dumps(listed))
        return Folder(self.root).state()

    def watched(self, at: Callable[[int, str], str]) -> tuple[int, list[str], str]:
        """Its exit status, its operations and what it printed."""

        def start(told: dict[str, str], output: int) -> Process:
            environment = self.environment | told
            return self.launch(self.case.code, self.words, environment, output)

        done = watch(start, [self.root, self.temporary], at)
        return done.status, done.operations, done.output

    def standing(self, looked: Folder) -> frozenset[tuple[str, str]]:
        """What a next run can meet: names and contents, those of neighbours apart."""
        told = looked.state(deep=True)
        met = {(WITHIN.sub("", n), "" if ".part" in n else d) for n, d in told.items()}
        for path in self.temporary.rglob("*"):
            met.add(("tmp", WITHIN.sub("", str(path.relative_to(self.temporary)))))
        return frozenset(one for one in met if one[0] != ".lock")

    def strays(self) -> list[Path]:
        """What a killed process left: neighbours, and temporary folders of ours."""
        left = [p for p in self.root.rglob("*.part") if "platformio" not in p.parts]
        return [*left, *self.temporary.glob("esp8k-*")]


@dataclass(frozen=True)
class Whole:
    """A run that nobody killed."""

    final: State  # its products
    operations: list[str]
    faults: list[str]  # half-written or mixed, at any moment
    copied: list[int]  # before these the folders differ from all moments before


def whole(run: Run, copies: Path | None = None) -> Whole:
    """Run it once and look at every moment, as a kill would leave it.

    `copies` gets the folders as they stand then, each state once.
    """
    old = products(run.prepare())
    moments: dict[int, State] = {}
    met: dict[frozenset[tuple[str, str]], int] = {}
    looked = Folder(run.root)

    def look(number: int, _: str) -> str:
        moments[number] = products(looked.state())
        standing = run.standing(looked) if copies else frozenset()
        if copies and standing not in met:
            met[standing] = number
            with suppress(shutil.Error):  # a file that went meanwhile
                shutil.copytree(run.folder, copies / str(number), symlinks=True)
        return GO

    status, operations, output = run.watched(look)
    final = products(looked.state())
    if status:  # of what it left behind nothing need be whole
        return Whole(final, operations, [f"status {status}: {output[-400:]}"], [])
    told = [f"left: {path}" for path in run.strays()]
    if old[run.case.key] == final.get(run.case.key):
        told.append("nothing was made")
    for number, seen in moments.items():
        where = f"before {operations[number - 1]} ({number})"
        told += [f"{where}: {what}" for what in faults(run.case, old, final, seen)]
    return Whole(final, operations, told, list(met.values()))


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


def kill(run: Run, number: int, final: State) -> list[str]:
    """SIGKILL before that operation; the next run goes through and clears up."""
    old = products(run.prepare())
    status, _, output = run.watched(lambda n, _: KILL if n == number else GO)
    if status != -signal.SIGKILL:
        return [f"{number}: ended with {status} before it: {output[-400:]}"]
    return _again(run, number, old, final)


def go_on(run: Run, number: int, copies: Path, final: State) -> list[str]:
    """The run after a kill before that operation, from the copy of that moment.

    The process of then has ended, so that its locks and its number are free.
    """
    old = products(run.prepare())
    shutil.rmtree(run.folder)
    shutil.move(copies / str(number), run.folder)
    return _again(run, number, old, final)


def _again(run: Run, number: int, old: State, final: State) -> list[str]:
    """The command once more, by nobody killed."""
    status, _, output = run.watched(lambda *_: GO)
    told = [f"{number}: the next run: {status}: {output[-400:]}"] if status else []
    told += [f"{number}: left after the next run: {path}" for path in run.strays()]
    made = products(Folder(run.root).state())
    if not told and made.keys() != final.keys():
        told.append(f"{number}: the next run made other files")
    stale = [n for n, d in made.items() if d == old.get(n) != final.get(n)]
    if not told and stale:
        told.append(f"{number}: of another run after the next one: {stale}")
    return told


def end(run: Run, number: int) -> list[str]:
    """SIGTERM before that operation: nothing stays, as after Ctrl-C."""
    run.prepare()
    run.watched(lambda n, _: TERM if n == number else GO)
    return [f"{number}: left after SIGTERM: {path}" for path in run.strays()]
