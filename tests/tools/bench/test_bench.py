"""The benchmark's own arithmetic: rows, tables, picture, what a rival refuses."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from core.errors import Esp8kError
from core.paths import ROOT
from tools.bench import bench, build, cores, models, profiler, show
from tools.bench import count as bench_count
from tools.bench import ours as bench_ours
from tools.bench.rivals import bakenn, emx, generated, published
from tools.bench.rows import HERE, OURS, Row, compare


def row(**changes: object) -> Row:
    base = Row(OURS, "v2", "lx106", "int8", HERE, "emulated", "speed")
    base = replace(base, instructions=1_000, macs=231_392, effective_macs=500)
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.mark.emulator
def test_a_component_is_measured_by_its_folder(
    exported: Callable[[str], Path], tmp_path: Path
) -> None:
    model = models.read("v2", exported("v2"), 1)
    ours = next(bench_ours.measure(model, tmp_path, print, ("rv32imc",), ("balanced",)))
    component = tmp_path / "v2" / "balanced" / "component"
    found = profiler.measure(component, "int8", "rv32imc", image=model.images[0])
    assert found.per_stage == ours.per_layer
    assert model.expected is not None
    assert found.logits == tuple(model.expected[0].tolist())
    same = ("instructions", "code_bytes", "const_bytes", "ram_bytes", "effective_macs")
    assert all(abs(getattr(found, key) - getattr(ours, key)) < 1_000 for key in same)


def test_int8_outputs_are_compared_logit_by_logit() -> None:
    expected = np.array([[1, 2, 3], [5, 4, 3]], np.int8)
    got = np.array([[1, 2, 3], [5, 6, 3]], np.int8).view(np.uint8)
    found = compare(got, expected)
    assert found is not None
    assert (found.differing_logits, found.largest, found.argmax_changes) == (1, 2, 1)
    assert found.text() == "no: 1 logits, by up to 2"


def test_float_outputs_are_compared_by_digit_only() -> None:
    expected = np.array([[1, 2, 3]], np.int8)
    got = np.array([[9, 1, 1]], np.float32).view(np.uint8)
    found = compare(got, expected)
    assert found is not None and found.differing_logits is None
    assert found.text() == "float; argmax 1/1"


def test_a_row_survives_the_file(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    expected = np.zeros((1, 10), np.int8)
    rows = [row(exact=compare(expected.view(np.uint8), expected)), row(profile="size")]
    bench.save(rows)
    assert show.read(bench.result_path()) == rows


def test_a_row_of_bench_json_says_what_was_measured_and_how() -> None:
    wanted = "model target compiler flags profile engine instructions per_layer"
    wanted += " effective_macs code_bytes const_bytes ram_bytes exactness evidence"
    assert set(wanted.split()) <= row().json().keys()


def test_without_a_run_reuse_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Esp8kError, match="bench.json") as error:
        show.read(tmp_path / "bench.json")
    assert error.value.hint == "run: make bench"


def test_a_rival_is_shown_at_its_best_flags() -> None:
    rival = [row(source="theirs", profile="", flags=flags) for flags in ("-O2", "-O3")]
    rival[1] = replace(rival[1], instructions=900)
    assert [r.flags for r in show.best(rival, "lx106")] == ["-O3"]


def test_a_rival_is_measured_with_our_flags_too() -> None:
    assert "flags.json" in generated.FLAGS
    options = generated.options_of("flags.json", "lx106")
    assert "-fno-schedule-insns" in options and "-std=c99" not in options
    theirs = row(source="theirs", profile="", flags=" ".join(options))
    assert show.short(theirs) == "flags.json"


def test_the_markdown_names_the_evidence_of_every_row() -> None:
    rows = [row(), *published.rows()]
    lines = show.markdown(rows).splitlines()[2:]
    lines = [line for line in lines if line.startswith("|")]
    assert len(lines) == 1 + len(show.best(published.rows(), "lx106"))
    words = ("measured here", "measured elsewhere", "published")
    assert all(any(word in line for word in words) for line in lines)
    assert lines[0].startswith("| **esp8k speed** | v2 | 1,000 |")


def test_the_shapes_of_mlperf_stand_beside_tflite_micro() -> None:
    ours = [
        row(model="ds_cnn", target="host", ram_bytes=90, io_bytes=10, profile=profile)
        for profile in ("speed", "balanced")
    ]
    emulated = [replace(r, target="lx106", instructions=2_000) for r in ours]
    theirs = replace(ours[0], source="TFLite Micro", profile="", instructions=4_000)
    text = show.markdown([*ours, *emulated, replace(theirs, ram_bytes=300)])
    lines = [line for line in text.splitlines() if line.startswith("| ds_cnn")]
    cells = ["231,392", "1,000", "4,000", "4.0", "2,000", "", "100", "300", ""]
    assert lines == [f"| ds_cnn: speed, balanced | {' | '.join(cells)} |"]


def test_every_rival_of_the_notes_is_shown_or_has_its_reason() -> None:
    shown = {r.source for r in published.rows()}
    for name in ("TFLite Micro + ESP-NN", "CMSIS-NN generic C", "TinyMaix", "NNoM"):
        assert name in shown
    assert all(r.note for r in published.excluded())
    assert {"onnx2c", "TinyMaix", "NNoM"} <= {r.source for r in published.excluded()}


@pytest.mark.parametrize("width", [80, 100, 220])
def test_the_table_fits_its_terminal_and_cuts_no_figure(width: int) -> None:
    rows = [row(), row(model="v3", macs=861_400), *published.rows()]
    console = Console(width=width, file=io.StringIO())
    console.print(show.table(rows, width=console.width))
    told = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(len(line) <= width for line in told.splitlines())
    assert "…" not in told
    assert f"{row().instructions:,}" in told and "TinyMaix" in told
    assert (" *" in told) is (width < show.WIDE)


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    from tools.bench import plot

    rows = cores.rows()
    groups = plot.grouped(rows)
    assert [len({r.source == OURS for r in group.rows}) for group in groups] == [2] * 3
    assert all(r.model in plot.NETWORKS for group in groups for r in group.rows)
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    plot.plot(rows, first)
    plot.plot(rows, second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().startswith(b"\x89PNG")


def test_the_page_has_a_table_a_core_as_committed() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    tables = cores.markdown().split("### ")[1:]
    assert len(tables) == len(cores.CORES)
    for table in tables:
        if "projected" in table:
            lines = [line for line in table.splitlines() if line.startswith("|")]
            assert "\n".join(lines) in page, table.splitlines()[0]
            assert f"| {OURS}" not in table, "ours stand out"


def test_a_wrong_model_is_refused() -> None:
    with pytest.raises(Esp8kError, match="no model 'v9'"):
        bench.measure(bench.Config(models=("v9",)))


def test_a_wrong_target_is_refused() -> None:
    with pytest.raises(Esp8kError, match="no target 'avr'"):
        bench.measure(bench.Config(targets=("avr",)))


# ==== Rivals ====


def test_bakenn_refuses_leaky_relu_with_its_reason(
    exported: Callable[[str], Path], tmp_path: Path
) -> None:
    pytest.importorskip("bakenn")
    pytest.importorskip("tflite")
    raw = (exported("v2") / "model_int8.tflite").read_bytes()
    with pytest.raises(Esp8kError, match="LEAKY_RELU"):
        bakenn.program(raw, "BakeNN 1.0 portable C", tmp_path)


@pytest.mark.slow
@pytest.mark.emulator
@pytest.mark.parametrize("variant", list(bakenn.VARIANTS))
def test_what_bakenn_makes_of_v1_equals_tflite_micro(
    variant: str, exported: Callable[[str], Path], tmp_path: Path
) -> None:
    pytest.importorskip("bakenn")
    pytest.importorskip("tflite")
    pytest.importorskip("tflite_micro")
    model = models.read("v1", exported("v1"), 50)
    program = bakenn.program(model.file("model_int8.tflite"), variant, tmp_path)
    for target in ("lx106", "rv32imc", "host"):
        built = build.build(
            program, target, ["-O2"], model.images[:1], tmp_path / target
        )
        counted = bench_count.count(built, model.images[:1])
        assert model.expected is not None
        assert (counted.outputs.view(np.int8) == model.expected[:1]).all()
        assert counted.instructions > 1_000_000


@pytest.mark.slow
def test_what_emx_makes_of_v2_finds_the_digits(
    exported: Callable[[str], Path], tmp_path: Path
) -> None:
    pytest.importorskip("emx_onnx_cgen")
    model = models.read("v2", exported("v2"), 50)
    for variant, file in emx.VARIANTS.items():
        program = emx.program(model.file(file), variant, tmp_path)
        built = build.build(
            program, "host", ["-O2"], model.images[:1], tmp_path / "host"
        )
        found = compare(bench_count.run_host(built, model.images), model.expected)
        assert found is not None and found.argmax_changes <= 2
