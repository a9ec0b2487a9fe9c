"""A pipe in a file's place is refused, whoever reads it: nothing waits for ever."""

import ast
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core import manifest, published
from core.errors import Esp8kError
from core.paths import ROOT
from core.picture.opening import open_picture
from export.frontend import calibration, sources
from export.graph.read import read_tflite
from export.plan.record import load_plan
from tools.bench import assemble_lx6, read_frames, show
from tools.boards import flash, footprint, merge
from tools.boards.virtual_board import VirtualBoard
from tools.classify import check_pictures
from tools.report.recorded import read_json
from training import checkpoint, data, folder
from training.doubt import decision

WAIT_S = 5
# What reads files without core.inputs, and whose files these are.
ITSELF = {
    "core/inputs.py": "the one opener",
    **dict.fromkeys(
        [
            *("training/fused/library.py", "training/studies/tables.py"),
            *("export/emit/generate.py", "export/emit/prepared.py"),
            *("export/emit/subject.py", "tools/bench/budget.py"),
            *("tools/bench/rivals/published.py", "tools/bench/strangers.py"),
            *("tools/boards/sources.py", "tools/doctor/host.py"),
        ],
        "the checkout's",
    ),
    **dict.fromkeys(
        [
            *("export/emit/layout.py", "export/emit/s3_host.py"),
            *("export/frontend/quantize.py", "tools/bench/build.py"),
            *("tools/bench/count.py", "tools/bench/tflm.py"),
            *("tools/bench/rivals/bakenn.py", "tools/faults/loopback.py"),
            *("tools/faults/watched.py", "tools/report/pictures.py"),
            "tools/web/build.py",
        ],
        "written by itself, a moment ago",
    ),
    **dict.fromkeys(
        [
            *("core/family.py", "tools/doctor/ports.py", "tools/link/holders.py"),
            "tools/soak/figures.py",
        ],
        "the kernel's",
    ),
}
READING = {"read_text", "read_bytes", "open", "fromfile", "memmap", "loadtxt"}
OF_OTHERS = {"os", "Device", "port", "webbrowser", "archive"}  # which open no file


def reads(source: str) -> Iterator[str]:
    """Calls that read a file by its path."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Attribute):
            name, owner = called.attr, ast.unparse(called.value).split(".")[-1]
        else:  # `read_text` and `read_bytes` by themselves are those of core.inputs
            name, owner = ("open" if getattr(called, "id", "") == "open" else ""), ""
        if name not in READING or owner in OF_OTHERS:
            continue
        text = ast.unparse(node)
        writes = any(f", '{m}" in text or f"('{m}" in text for m in ("w", "a"))
        opened = any(w in text for w in ("(stream", "BytesIO(", "fromfile(file"))
        if not writes and not opened:
            yield text


def test_whoever_reads_a_file_has_it_from_the_one_opener() -> None:
    found = set()
    for top in ("core", "training", "export", "tools"):
        for path in (ROOT / top).rglob("*.py"):
            if any(reads(path.read_text())):
                found.add(str(path.relative_to(ROOT)))
    found -= {"training/data.py"}  # gzip.open, of what `opened` has seen
    assert found == set(ITSELF)


def test_no_tree_is_copied_whole() -> None:
    """The errors of copytree carry no number, and so no cure."""
    products = [p for p in (ROOT / "tools").rglob("*.py") if p.parent.name != "faults"]
    assert [p for p in products if "shutil.copytree(" in p.read_text()] == []


def virtual(firmware: Path) -> object:
    firmware.rename(firmware.with_name("app.bin"))
    board = VirtualBoard("virtual", firmware.with_name("app.bin"))
    return board.command(firmware.parent)


READERS: list[tuple[str, Callable[[Path], object]]] = [
    ("model.json", lambda path: manifest.read(path.parent)),
    ("plan.json", load_plan),
    ("model.pt", lambda path: checkpoint.load(path, "v3")),
    ("model_int8.tflite", lambda path: read_tflite(path, "v3")),
    ("x.onnx", lambda path: sources.load(str(path), sources.Options())),
    ("x.csv", lambda path: calibration.read(path, (2,))),
    ("x.npz", lambda path: calibration.read(path, (2,))),
    ("x.npy", lambda path: calibration.read(path, (2,))),
    ("x.png", open_picture),
    ("labels.json", lambda path: list(check_pictures.from_folder(path.parent))),
    ("labels.json", lambda path: list(read_frames.pictures(path.parent))),
    ("flasher_args.json", lambda path: merge.layout(path.parent)),
    ("firmware.elf", footprint.measure),
    ("app.bin", lambda path: flash.require_chip(path, None)),  # type: ignore[arg-type]
    ("flashed.bin", virtual),
    ("bench.json", show.read),
    ("x.s", lambda path: assemble_lx6.main([str(path), f"{path}.o"])),
]


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Makes a pipe; whoever waits for its writer fails after WAIT_S."""

    def late(*_: object) -> None:
        raise TimeoutError("it waits for a writer")

    def make(name: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)
        return path

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(WAIT_S)
    yield make
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize(("name", "reader"), READERS)
def test_a_pipe_is_refused_by_its_name(
    pipe: Callable[[str], Path], name: str, reader: Callable[[Path], object]
) -> None:
    path = pipe(name)
    with pytest.raises(Esp8kError, match=r"not a plain file|no ordinary file") as error:
        reader(path)
    assert str(path.parent) in error.value.message and error.value.hint


def test_a_data_set_with_a_pipe_is_refused(pipe: Callable[[str], Path]) -> None:
    path = pipe("photos/labels.txt")
    with pytest.raises(Esp8kError, match="labels.txt is not a plain file"):
        folder._names(path.parent, [])


def test_what_may_be_missing_may_be_a_pipe(
    pipe: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is as good as damaged: done without, or made anew."""
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    assert read_json(pipe("report.json")) is None
    assert published._listed(pipe("out/.esp8k-files.json").parent) == {}
    assert data._unpacked(pipe("raw/train-images-idx3-ubyte").parent) == []
    shipped = checkpoint.load(ROOT / "training/pretrained/v3.pt", "v3")
    assert pipe("v3/doubt.json") and decision.stored(shipped) is not None


@pytest.mark.parametrize("goal", ["export", "train"])
def test_make_waits_for_no_pipe(
    pipe: Callable[[str], Path], goal: str, tmp_path: Path
) -> None:
    pipe("v3/.export-options"), pipe("v3/.train-options")
    (tmp_path / "v3" / "model.pt").touch()
    words = ["make", "-n", goal, "MODEL=v3"]
    env = {**os.environ, "ESP8K_BUILD": str(tmp_path)}
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True)
    assert f"esp8k {goal} --model v3" in done.stdout, done.stderr
