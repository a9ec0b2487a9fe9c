"""Every artefact of a model is compared, and what differs fails the check."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from core.errors import CheckFailed
from export import pipeline, verify
from export.emit import host_build
from export.pipeline import Artefacts
from export.reference import tflm
from training import checkpoint as checkpoints
from training.data import Data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, artefacts: Artefacts) -> Path:
    """The written artefacts of v2."""
    target = tmp_path_factory.mktemp("v2")
    pipeline.write(artefacts, target, "balanced", lambda text: None)
    return target


@pytest.fixture(scope="module")
def rows(
    folder: Path, artefacts: Artefacts, point: checkpoints.Checkpoint, few: Data
) -> list[verify.Row]:
    """The table of v2 over a few images."""
    from export.emit.generate import load_plan

    plan = load_plan(folder / "plan.json")
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
    few: Data,
) -> None:
    monkeypatch.setattr(tflm, "available", lambda: False)
    v = verify.Verifier(point.module(), artefacts, few)
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
