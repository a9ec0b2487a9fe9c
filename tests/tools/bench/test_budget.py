"""firmware/budget.json: the comparison itself, and our figures against it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import CheckFailed
from core.words import MODELS, PROFILES
from tests.support.products import FIRMWARE, GENERATOR, SOURCES, lock, stale
from tools.bench import budget
from tools.bench.targets import TARGETS

LINE = {
    "model": "v2",
    "target": "lx106",
    "engine": "int8",
    "profile": "speed",
    "instructions": 1_000,
    "code_bytes": 100,
    "const_bytes": 200,
    "ram_bytes": 0,
}


def changed(**figures: int) -> list[budget.Change]:
    return budget.compare([LINE], [{**LINE, **figures}])


def test_a_figure_worse_by_more_than_two_percent_is_worse() -> None:
    (change,) = changed(instructions=1_021)
    assert change.worse
    assert change.text() == (
        "v2 lx106 int8 speed: instructions 1,000 -> 1,021 (+2.1 %)"
    )


def test_a_figure_worse_by_two_percent_passes_but_is_reported() -> None:
    (change,) = changed(instructions=1_020)
    assert not change.worse


def test_an_improvement_passes_but_is_reported() -> None:
    (change,) = changed(const_bytes=100)
    assert not change.worse and change.part == -0.5


def test_a_byte_where_none_was_is_worse() -> None:
    (change,) = changed(ram_bytes=1)
    assert change.worse


def test_equal_figures_are_no_change() -> None:
    assert changed() == []


def test_a_measured_row_without_a_budget_is_named() -> None:
    assert budget.missing([LINE], [{**LINE, "profile": "size"}]) == [
        "v2 lx106 int8 size"
    ]


def test_a_row_that_was_not_measured_keeps_its_figures() -> None:
    other = {**LINE, "profile": "size"}
    better = {**LINE, "instructions": 900}
    gone = {**LINE, "model": "v0"}
    assert budget.merge([LINE, gone, other], [better]) == [better, other]


def test_the_budget_is_written_a_row_a_line(tmp_path: Path) -> None:
    path = tmp_path / "budget.json"
    budget.write([LINE, LINE], path)
    assert budget.load(path) == [LINE, LINE]
    assert len(path.read_text().splitlines()) == 4


def test_the_committed_budget_has_every_model_engine_and_profile() -> None:
    lines = budget.load()
    assert all(tuple(line) == budget.KEYS + budget.FIGURES for line in lines)
    rows = {tuple(line[key] for key in budget.KEYS) for line in lines}
    assert len(rows) == len(lines)
    wanted = {
        (model, target, engine, profile)
        for model in MODELS
        for engine, targets in budget.MEASURED.items()
        for target in targets
        for profile in TARGETS[target].profiles
    }
    assert wanted <= rows
    vector = {(m, "s3", "int8", profile) for m in MODELS for profile in PROFILES}
    assert vector <= rows


def int8(figure: str) -> dict[tuple[str, str, str], int]:
    """A figure of the int8 engine by model, profile and target."""
    return {
        (line["model"], line["profile"], line["target"]): line[figure]
        for line in budget.load()
        if line["engine"] == "int8"
    }


def test_no_profile_is_slower_with_mac16_than_without() -> None:
    """Profile `size` has the same C on both: what the cores' start-ups differ by."""
    counts = int8("instructions")
    for model in MODELS:
        for profile in PROFILES:
            plain = counts[model, profile, "lx106"]
            assert counts[model, profile, "lx6"] <= 1.001 * plain, (model, profile)


def test_balanced_takes_at_most_twice_the_memory_with_mac16() -> None:
    taken = int8("ram_bytes")
    for model in MODELS:
        plain = taken[model, "balanced", "lx106"]
        assert taken[model, "balanced", "lx6"] <= 2 * plain, model


def test_the_vector_unit_takes_at_most_half_more_memory() -> None:
    taken = int8("ram_bytes")
    for model in MODELS:
        for profile in PROFILES:
            plain = taken[model, profile, "lx106"]
            assert taken[model, profile, "s3"] <= 1.5 * plain, (model, profile)


def test_a_failed_check_prints_the_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    worse = [{**LINE, "code_bytes": 103}]
    monkeypatch.setattr(budget, "load", lambda: [LINE])
    monkeypatch.setattr(budget, "measure", lambda *_: worse)
    monkeypatch.setattr("sys.argv", ["budget", "--check", "--json"])
    with pytest.raises(CheckFailed) as failure:
        budget.main()
    assert "code_bytes 100 -> 103 (+3.0 %)" in failure.value.message
    assert json.loads(capsys.readouterr().out) == worse


def test_json_without_check_writes_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    path = tmp_path / "budget.json"
    path.write_text("as it was")
    monkeypatch.setattr(budget, "FILE", path)
    monkeypatch.setattr(budget, "load", lambda: [])
    monkeypatch.setattr(budget, "measure", lambda *_: [LINE])
    monkeypatch.setattr("sys.argv", ["budget", "--json"])
    budget.main()
    assert json.loads(capsys.readouterr().out) == [LINE]
    assert path.read_text() == "as it was"


# One network in the fast suite, the others beside it in the whole.
EACH = [
    model if model == "v2" else pytest.param(model, marks=pytest.mark.slow)
    for model in MODELS
]


def hold(measured: list[budget.Line], committed: list[budget.Line]) -> None:
    """Fail, with the difference, where a figure is worse than committed."""
    worse = [c.text() for c in budget.compare(committed, measured) if c.worse]
    assert not worse, "\n".join(worse)
    assert not budget.missing(committed, measured)


@pytest.fixture(scope="module", params=EACH)
def measured(
    request: pytest.FixtureRequest,
    exported: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> list[budget.Line]:
    """A model's figures as they are now, measured by one worker for all."""
    for target in TARGETS.values():
        if not shutil.which(f"{target.prefix}gcc"):
            pytest.skip(f"no compiler for {target.name}: {target.install}")
    folder = tmp_path_factory.mktemp("budget")
    kept = exported(request.param) / "budget.json"
    with lock(f"{request.param}-budget"):
        if stale(kept, *SOURCES, *GENERATOR, *FIRMWARE):
            budget.write(budget.measure([request.param], exported, folder, print), kept)
    return budget.load(kept)


@pytest.mark.emulator
def test_no_figure_regresses_by_more_than_two_percent(
    measured: list[budget.Line],
) -> None:
    hold(measured, budget.load())


@pytest.mark.emulator
@pytest.mark.parametrize("figure", budget.FIGURES)
def test_what_was_better_before_fails_with_the_difference(
    figure: str, measured: list[budget.Line]
) -> None:
    """The same check against a budget in which one figure was 3 % less."""
    number = 1  # any row
    doctored = [dict(line) for line in measured]
    now = measured[number][figure]
    before = doctored[number][figure] = int(now * 0.97)
    with pytest.raises(AssertionError) as failure:
        hold(measured, doctored)
    name = " ".join(measured[number][key] for key in budget.KEYS)
    change = f"{100 * (now - before) / before:+.1f} %"
    said = f"{name}: {figure} {before:,} -> {now:,} ({change})"
    assert str(failure.value).splitlines()[0] == said
