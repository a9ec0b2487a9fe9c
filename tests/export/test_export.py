"""`esp8k export`: its errors, its files, its table."""

import errno
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from core import paths
from core.errors import CheckFailed
from core.files import staged
from core.program import run
from core.words import MODELS
from export import __main__ as program
from export import pipeline, verify
from export.accuracy import int8_accuracy
from export.emit import host_build
from export.pipeline import Artefacts
from export.reference import tflm
from export.verify import Row
from training import checkpoint as checkpoints
from training.data import Data

SHIPPED = paths.ROOT / "training" / "pretrained"
IMAGES = 300  # of the 10,000, in the fast tests


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, *arguments: str
) -> tuple[int, str, str]:
    """Run the program in this process: (exit code, stdout, stderr)."""
    monkeypatch.setattr(sys, "argv", ["export", *arguments])
    with pytest.raises(SystemExit) as stop:
        run(program.main)
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def one_error(err: str) -> str:
    """The message; one line and a hint, no traceback."""
    lines = [x for x in err.splitlines() if x.startswith(("error:", "hint:"))]
    assert [x.split(":")[0] for x in lines] == ["error", "hint"], err
    assert "Traceback" not in err
    return lines[0]


def shortened(data: Data, count: int) -> Data:
    """The data set with fewer test images."""
    return Data(
        data.name,
        data.train_images,
        data.train_labels,
        data.test_images[:count],
        data.test_labels[:count],
        data.hash,
    )


# ==== Mistakes of the user ====


def test_an_unknown_model_is_a_usage_error() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "export", "--model", "v9"],
        capture_output=True,
        text=True,
        cwd=paths.ROOT,
    )
    assert done.returncode == 2
    assert "v9" in one_error(done.stderr)


def test_a_checkpoint_of_another_architecture_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    wrong = str(SHIPPED / "v1.pt")
    code, _, err = call(monkeypatch, capsys, "--model", "v2", "--checkpoint", wrong)
    assert code == 2
    assert "v1" in one_error(err)
    assert not list(tmp_path.rglob("*.onnx"))


def test_a_damaged_checkpoint_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    path = tmp_path / "bad.pt"
    path.write_bytes((SHIPPED / "v2.pt").read_bytes()[:1000])
    code, _, err = call(monkeypatch, capsys, "--checkpoint", str(path))
    assert code == 2
    assert "bad.pt" in one_error(err)


def test_a_full_disk_is_one_line_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
    artefacts: Artefacts,
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    monkeypatch.setattr(pipeline, "convert", lambda *a: artefacts)
    written = Path.write_bytes

    def fails(self: Path, content: bytes) -> int:
        if self.name == "model_int8.tflite":
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return written(self, content)

    monkeypatch.setattr(Path, "write_bytes", fails)
    code, _, err = call(monkeypatch, capsys, "--model", "v2")
    assert code == 2
    assert "No space left" in one_error(err)
    left = [p.name for p in tmp_path.rglob("*") if p.is_file() and p.name != ".lock"]
    assert not [name for name in left if "ubyte" not in name]


def test_a_failure_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    with pytest.raises(RuntimeError), staged(tmp_path) as stage:
        (stage / "old").write_text("new")
        raise RuntimeError
    assert (tmp_path / "old").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["old"]


def test_success_replaces_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    for name in ("kept", "replaced"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("old")
    with staged(tmp_path) as stage:
        (stage / "replaced").mkdir()
        (stage / "replaced" / "other").write_text("new")
    assert (tmp_path / "kept" / "file").exists()
    assert [p.name for p in (tmp_path / "replaced").iterdir()] == ["other"]


# ==== Checks ====


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, artefacts: Artefacts) -> Path:
    """The written artefacts of v2."""
    target = tmp_path_factory.mktemp("v2")
    pipeline.write(artefacts, target, "balanced", lambda text: None)
    return target


@pytest.fixture(scope="module")
def rows(
    folder: Path, artefacts: Artefacts, point: checkpoints.Checkpoint, data: Data
) -> list[verify.Row]:
    """The table of v2 over a few images."""
    from export.emit.generate import load_plan

    plan = load_plan(folder / "plan.json")
    few = shortened(data, IMAGES)
    return verify.verify(
        point.module(), artefacts, folder, plan, few, lambda text: None
    )


def test_every_artefact_is_compared(rows: list[verify.Row]) -> None:
    named = {r.artefact for r in rows}
    assert set(pipeline.FILES) < named
    assert {"C int8 (weights)", "C float16 (weights)", "integer reference"} < named
    assert all(r.accuracy is not None or r.skipped for r in rows)
    assert verify.check(rows) == []


def test_the_int8_digest_is_the_same_everywhere(rows: list[verify.Row]) -> None:
    digests = [r.digest for r in rows if r.digest and "int" in r.artefact]
    assert len(digests) == (3 if tflm.available() else 2)
    assert len(set(digests)) == 1


def test_a_single_changed_logit_fails_the_check(rows: list[verify.Row]) -> None:
    row = next(r for r in rows if r.artefact.startswith("C int8"))
    other = verify.Row(**{**row.json(), "digest": "00000000"})
    failures = verify.check([other if r is row else r for r in rows])
    assert len(failures) == 1 and "digests differ" in failures[0]


def test_a_loss_of_accuracy_fails_the_check(rows: list[verify.Row]) -> None:
    row = next(r for r in rows if r.artefact == "model_int8.onnx")
    worse = verify.Row(**{**row.json(), "accuracy": (row.accuracy or 0) - 1})
    failures = verify.check([worse if r is row else r for r in rows])
    assert len(failures) == 1 and "model_int8.onnx" in failures[0]


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
def test_tflite_micro_states_its_arena(artefacts: Artefacts) -> None:
    assert tflm.arena_bytes(artefacts.files["model_int8.tflite"]) == 10_304


def test_where_tflite_micro_is_missing_its_row_says_so(
    monkeypatch: pytest.MonkeyPatch,
    artefacts: Artefacts,
    point: checkpoints.Checkpoint,
    data: Data,
) -> None:
    monkeypatch.setattr(tflm, "available", lambda: False)
    v = verify.Verifier(point.module(), artefacts, shortened(data, 10))
    verify.verify_int8(v, lambda text: None)
    assert v.rows[0].skipped == "skipped: no tflite-micro wheel for this platform"
    assert v.rows[1].digest


def test_code_that_overruns_its_arena_is_caught(folder: Path, tmp_path: Path) -> None:
    library = host_build.build(folder / "component", tmp_path)
    size = host_build.number(library.defines["INT8_ARENA_BYTES"])
    library.defines["INT8_ARENA_BYTES"] = f"{size - 32}u"
    with pytest.raises(CheckFailed, match="behind its arena"):
        library.int8(np.full((1, 28, 28), 77, np.uint8))


def test_c_that_does_not_compile_is_a_failed_check(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder / "component", tmp_path, dirs_exist_ok=True)
    (tmp_path / "src" / "bad.c").write_text("int nothing(void) { return }\n")
    with pytest.raises(CheckFailed, match="does not compile"):
        host_build.build(tmp_path, tmp_path)


def test_a_checkpoint_keeps_its_accuracy_in_int8(
    monkeypatch: pytest.MonkeyPatch, data: Data
) -> None:
    few = shortened(data, IMAGES)
    monkeypatch.setattr("export.accuracy.of_model", lambda config: few)
    assert int8_accuracy(SHIPPED / "v1.pt") > 97


# ==== The whole ====


@pytest.mark.parametrize(
    "model",
    [m if m == "v2" else pytest.param(m, marks=pytest.mark.slow) for m in MODELS],
)
def test_the_whole_export_on_all_test_images(
    model: str, exported: Callable[[str], Path]
) -> None:
    folder = exported(model)
    rows = json.loads((folder / "verify.json").read_text())["rows"]
    digests = {r["artefact"]: r["digest"] for r in rows}
    integer = ["integer reference", "C int8 (weights)"]
    integer += ["model_int8.tflite"] if tflm.available() else []
    for same in (integer, ["float16 reference", "C float16 (weights)"]):
        assert len({digests[name] for name in same}) == 1 and digests[same[0]]
    described = json.loads((folder / "model.json").read_text())
    for name, entry in described["artefacts"].items():
        raw = (folder / name).read_bytes()
        assert entry == {"bytes": len(raw), "sha256": pipeline.sha256(raw)}


def test_the_table_is_printed_as_json(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
    artefacts: Artefacts,
) -> None:
    row = verify.Row("PyTorch", "x", 1, 99.0, 0, 0.0)
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    monkeypatch.setattr(pipeline, "convert", lambda *a: artefacts)
    monkeypatch.setattr(program, "verify", lambda *a: [row])
    code, out, err = call(monkeypatch, capsys, "--model", "v2", "--json")
    assert code == 0, err
    assert (tmp_path / "v2/.export-options").read_text() == "balanced shipped\n"
    assert json.loads(out)["rows"] == [row.json()]


def test_converting_twice_gives_the_same_bytes(
    artefacts: Artefacts,
    folder: Path,
    point: checkpoints.Checkpoint,
    calibration: np.ndarray,
    tmp_path: Path,
) -> None:
    again = pipeline.convert(point, calibration, lambda text: None)
    pipeline.write(again, tmp_path, "balanced", lambda text: None)
    assert again.identity == artefacts.identity
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder)
        assert (tmp_path / name).read_bytes() == path.read_bytes(), name


def test_a_failed_check_writes_no_manifest(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    tmp_path: Path,
    artefacts: Artefacts,
) -> None:
    bad = verify.Row("model_int8.onnx", "x", 1, 50.0, 0, 0.1)
    good = verify.Row("PyTorch", "x", 1, 99.0, 0, 0.0)
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    monkeypatch.setattr(pipeline, "convert", lambda *a: artefacts)
    monkeypatch.setattr(program, "verify", lambda *a: [good, bad])
    code, out, err = call(monkeypatch, capsys, "--model", "v2")
    assert code == 1
    assert "falls by 49.00 points" in one_error(err)
    assert "model_int8.onnx" in out
    for name in ("model.json", ".export-options"):
        assert not (tmp_path / "v2" / name).exists()
    assert json.loads((tmp_path / "v2" / "verify.json").read_text())["failures"]


def test_the_table_fits_80_columns():
    names = ("model_fp16.tflite", "integer reference", "C float16 (weights)")
    rows = [
        Row(name, "this computer", 33_745, 99.38, 10_000, 2.7e-05, "76589efc")
        for name in names
    ]
    console = Console(width=80, file=io.StringIO())
    console.print(program.table(rows, 10_000))
    text = console.file.getvalue()
    assert "…" not in text and "76589efc" in text and "33,745" in text
    assert all(len(line) <= 80 for line in text.splitlines())
