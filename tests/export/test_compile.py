"""`esp8k compile`: a component that stands alone, and what its command says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core import paths
from core.errors import CheckFailed, Esp8kError
from export import compile as program
from export.emit import host_build
from export.emit.component import FILES
from export.pipeline import Artefacts
from export.reference import tflm
from tools.bench.drawn.tflite_builder import TfliteBuilder


def dense(start: int, builder: TfliteBuilder, inputs: int, outputs: int) -> int:
    """A FULLY_CONNECTED of a few fixed weights; its output tensor."""
    draw = np.arange(inputs * outputs).reshape(outputs, inputs) * 37 % 255 - 127
    weights = builder.tensor((outputs, inputs), 0.02, 0, draw)
    end = builder.tensor((1, outputs), 0.3, 5)
    builder.operator("FULLY_CONNECTED", [start, weights, -1], end)
    return end


def small_model() -> bytes:
    """Eight inputs, four between, three outputs."""
    builder = TfliteBuilder()
    start = builder.tensor((1, 8), 0.05, 3)
    middle = dense(start, builder, 8, 4)
    return builder.build([start], [dense(middle, builder, 4, 3)])


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    files = [p for p in folder.rglob("*") if p.is_file()]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


@pytest.fixture(scope="module")
def component(
    tmp_path_factory: pytest.TempPathFactory, artefacts: Artefacts
) -> tuple[Path, program.Result]:
    """v2, compiled as anybody's .tflite."""
    folder = tmp_path_factory.mktemp("compile") / "digits"
    model = artefacts.files["model_int8.tflite"]
    result = program.compile_model(model, "digits", "digits.tflite", folder, "balanced")
    return folder, result


def test_the_component_has_all_its_files(
    component: tuple[Path, program.Result],
) -> None:
    folder, result = component
    present = content(folder)
    made = {place.format("digits") for place in FILES.values()}
    assert {*made, "src/digits_model.h", "LICENSE"} <= present.keys()
    assert result.macs == 231_392
    assert "TFLite Micro" in result.compared_with or sys.platform != "linux"


def test_the_component_stands_alone_under_warnings(
    component: tuple[Path, program.Result], tmp_path: Path
) -> None:
    folder, _ = component
    sources = [folder / "examples/golden/main.c", *(folder / "src").glob("*.c")]
    target = tmp_path / "golden"
    host_build.compile_c(sources, [folder / "src"], target)
    done = subprocess.run([str(target)], capture_output=True, text=True)
    assert done.returncode == 0
    assert "golden vectors, 0 outputs wrong" in done.stdout


def test_a_wrong_golden_vector_fails_the_example(
    component: tuple[Path, program.Result], tmp_path: Path
) -> None:
    folder, _ = component
    for name, raw in content(folder).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    header = tmp_path / "src" / "digits_golden.h"
    before, after = header.read_text().split("digits_golden_int8", 1)
    digits = after.split("{", 2)
    first, rest = digits[2].split(",", 1)
    digits[2] = f"{(int(first) + 129) % 256 - 128},{rest}"
    header.write_text(before + "digits_golden_int8" + "{".join(digits))
    with pytest.raises(CheckFailed, match="1 outputs wrong"):
        program.check_example(tmp_path, host_build.shared_object(tmp_path, tmp_path))


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        program.compile_model(small_model(), "net", "net", tmp_path / name, "size")
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_names_become_c_identifiers() -> None:
    assert program.identifier("My Model-v2.1") == "my_model_v2_1"
    assert program.identifier("8k") == "net_8k"
    assert program.identifier("ß") == "net"


def test_the_command_compiles_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "tiny.tflite"
    path.write_bytes(small_model())
    mine = "https://me.example/tiny"
    program.main([str(path), "-o", str(tmp_path / "out"), "--json", "--url", mine])
    described = json.loads(capsys.readouterr().out)
    assert described["name"] == "tiny" and described["macs"] == 44
    assert (tmp_path / "out" / "src" / "tiny_model.h").exists()
    assert f'url: "{mine}"\n' in (tmp_path / "out" / "idf_component.yml").read_text()
    lines = (tmp_path / "out" / "library.properties").read_text().splitlines()
    assert f"url={mine}" in lines
    library = json.loads((tmp_path / "out" / "library.json").read_text())
    assert library["homepage"] == mine


@pytest.mark.parametrize("url", ["http://a", "https://a b", 'https://a"', "x"])
def test_an_url_that_would_break_a_manifest_is_refused(
    tmp_path: Path, url: str
) -> None:
    with pytest.raises(Esp8kError, match="no https:// address"):
        program.main(["none.tflite", "-o", str(tmp_path / "out"), "--url", url])


@pytest.mark.skipif(not tflm.available(), reason=tflm.SKIPPED)
def test_a_small_file_with_large_activations_is_held_to_tflite_micro(
    tmp_path: Path,
) -> None:
    builder = TfliteBuilder()
    size = 100  # activations of fifty times the file
    start = builder.tensor((1, size, size, 1), 0.05, 3)
    weights = builder.tensor((4, 1, 1, 1), 0.02, 0, np.array([[[[40]]]] * 4))
    middle = builder.tensor((1, size, size, 4), 0.1, 5)
    window = {"padding": 0, "strideH": 1, "strideW": 1}
    near = {"dilationHFactor": 1, "dilationWFactor": 1}
    builder.operator("CONV_2D", [start, weights, -1], middle, **window, **near)
    end = builder.tensor((1, 1, 1, 4), 0.1, 5)
    window = {"padding": 0, "strideH": size, "strideW": size}
    window |= {"filterHeight": size, "filterWidth": size}
    builder.operator("AVERAGE_POOL_2D", [middle], end, **window)
    model = builder.build([start], [end])
    result = program.compile_model(model, "wide", "wide.tflite", tmp_path, "balanced")
    assert result.compared_with == "the integer reference and TFLite Micro"
    assert result.tflm_arena_bytes is not None and result.tflm_arena_bytes > 40_000


def test_an_output_that_is_read_too_and_the_input_itself_come_out(
    tmp_path: Path,
) -> None:
    builder = TfliteBuilder()
    start, middle = builder.tensor((1, 8), 0.1), builder.tensor((1, 8), 0.1)
    end = builder.tensor((1, 8), 0.1)
    builder.operator("RELU", [start], middle)
    builder.operator("RELU", [middle], end)
    model = builder.build([start], [end, middle, start])
    result = program.compile_model(model, "net", "net", tmp_path / "out", "size")
    assert "TFLite Micro" in result.compared_with or not tflm.available()


def test_a_truncated_file_is_a_usage_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.tflite"
    path.write_bytes(small_model()[:300])
    done = subprocess.run(
        [sys.executable, "-m", "export.compile", str(path), "-o", str(tmp_path / "o")],
        capture_output=True,
        text=True,
        cwd=paths.ROOT,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ") and "hint:" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "o").exists()
