"""`esp8k export`: its errors, its files, its table."""

import errno
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from core import paths
from core.program import run
from core.words import MODELS
from export import __main__ as program
from export import pipeline, verify
from export.pipeline import Artefacts
from export.reference import tflm
from export.verify import Row

SHIPPED = paths.ROOT / "training" / "pretrained"


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
