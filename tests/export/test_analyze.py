"""What a model would take: told at once, on one screen, as it then is."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.errors import CheckFailed
from core.paths import ROOT
from export import analyze
from export.core_costs import Engines
from export.emit.component import publish
from export.emit.identity import identify
from export.frontend.support import core_of
from export.graph.read import read_tflite
from tools.bench.drawn.tflite_builder import TfliteBuilder

CORES = ["lx106", "rv32imc", "lx6", "s3"]


def model(kind: str = "RELU") -> bytes:
    """A convolution of an image, and one more operator."""
    builder = TfliteBuilder()
    start = builder.tensor((1, 12, 12, 3), 0.02, -5)
    data = np.random.default_rng(0).integers(-127, 128, (8, 3, 3, 3)).astype(np.int8)
    weights = builder.tensor(data.shape, [0.01] * 8, 0, data)
    middle = builder.tensor((1, 10, 10, 8), 0.1, 3)
    end = builder.tensor((1, 10, 10, 8), 0.1, 3)
    builder.operator(
        "CONV_2D", [start, weights, -1], middle, padding=1, strideH=1, strideW=1
    )
    builder.operator(kind, [middle], end)
    real = builder.tensor((1, 10, 10, 8), dtype="float32")
    builder.operator("DEQUANTIZE", [end], real)
    return builder.build([start], [real])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "net.tflite").write_bytes(model())
    return tmp_path / "net.tflite"


def test_one_screen_tells_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(analyze, "FLASH", 10)
    analyze.main([str(file)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 40 and max(map(len, lines)) <= 80
    assert "3 operators, compiled as 2, " in lines[0]  # an end in floats is left out
    for word in (*CORES, "ESP32-C6", "speed", "RAM peak", "counted", "estimated"):
        assert any(word in line for line in lines), word
    (refused,) = (line for line in lines if line.startswith("ESP32 "))
    assert "does not fit: RAM " in refused and " of 266,240, flash " in refused
    assert refused.endswith(" of 10 bytes")


def test_equal_layers_are_counted_each_time() -> None:
    """Of which the ESP32-S3 has one function."""

    def counted(layers: int) -> int:
        b = TfliteBuilder()
        data = np.random.default_rng(0).integers(-127, 128, (16, 16)).astype(np.int8)
        weights = b.tensor(data.shape, 0.01, 0, data)
        values = [b.tensor((1, 16), 0.1) for _ in range(layers + 1)]
        for source, target in zip(values, values[1:], strict=False):
            b.operator("FULLY_CONNECTED", [source, weights, -1], target)
        raw = b.build(values[:1], values[-1:])
        found = analyze.analyze(raw, "net")
        (core,) = (core for core in found.cores if core.core == "s3")
        return core.instructions

    two, three, four = map(counted, (2, 3, 4))
    assert three - two == four - three > 0


def test_json_tells_the_same(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    analyze.main([str(file), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [core["core"] for core in found["cores"]] == CORES
    assert {"ESP32", "ESP32-S2", "ESP32-S3", "ESP32-C3", "ESP32-C6"} == set(
        found["chips"]
    )
    cost = {core["core"]: core["instructions"] for core in found["cores"]}
    assert 0 < cost["s3"] < cost["lx6"] < cost["lx106"]


def test_sizes_are_those_of_the_component(file: Path, tmp_path: Path) -> None:
    found = analyze.analyze(file.read_bytes(), "net")
    network, _ = core_of(read_tflite(file, "net"))
    identity = identify("net", network.sha256, network.sha256)
    plan = publish(network, None, tmp_path / "c", "balanced", "net", identity, "net")
    size = next(s for s in found.sizes if s.profile == "balanced")
    assert size.ram_bytes == plan.int8_arena_bytes
    assert size.flash_bytes == sum(s.weight_bytes for s in plan.stages)
    vector = next(core for core in found.cores if core.core == "s3")
    assert vector.ram_bytes == plan.s3_arena_bytes


def test_what_it_says_of_v3_on_a_core_is_what_was_built_and_counted(
    exported: Callable[[str], Path],
) -> None:
    network, _ = core_of(read_tflite(exported("v3") / "model_int8.tflite", "v3"))
    engines, seen = Engines(network), 0
    for row in json.loads((ROOT / "firmware" / "budget.json").read_text()):
        if (row["model"], row["engine"]) != ("v3", "int8"):
            continue
        if row["target"] in ("lx6", "s3"):
            told = engines.on(row["target"], row["profile"])
            assert told.flash_bytes == row["const_bytes"], row
            assert told.ram_bytes == row["ram_bytes"], row
            assert abs(told.instructions / row["instructions"] - 1) < 0.1, row
            seen += 1
    assert seen == 6  # both cores in each profile


def test_what_is_refused_is_told_with_its_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.tflite").write_bytes(model("FLOOR"))
    with pytest.raises(CheckFailed):
        analyze.main([str(tmp_path / "net.tflite")])
    text = capsys.readouterr().out
    assert "REFUSED" in text and "cure: " in text
