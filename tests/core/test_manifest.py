"""What lies in build/<model>, of another version or edited: an error, no traceback."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from core import manifest
from core.doubt import HIDDEN, INPUTS
from core.errors import Esp8kError
from export.plan.record import load_plan
from tests.support import exported
from tools.report.recorded import MEMORY, memory

DOUBT = {
    **dict(weights_hash="ab", first=[[0] * INPUTS] * HIDDEN, first_bias=[0] * HIDDEN),
    **dict(shift=1, second=[0] * HIDDEN, second_bias=0),
    **dict(sure_from=0, digit_from=0, margin_from=0),
}
TOLD = {**json.loads(json.dumps(asdict(exported.TOLD))), "doubt": DOUBT}
STAGE = {
    **dict(name="conv", engine="int8", number=0, tensor=1, shape=[1, 1, 10]),
    **dict(representation="int8", macs=1, effective_macs=1, weight_bytes=1),
    **dict(method="direct"),
}
PLAN = {
    **dict(model="v2", weights_hash="ab", identity_crc=7, profile="size", prefix="v2"),
    **dict(int8_arena_bytes=1, f16_arena_bytes=1, stages=[STAGE]),
}
NO_OBJECTS = ("", "{", "[]", "null", "3", '"x"', "[" * 100_000, "\0")
OTHERS: tuple[Any, ...] = ("x", -1, 1.5, [], [[]], {}, {"a": 1}, True, 10**400)


def spoilt(told: Any) -> Iterator[Any]:
    """`told` with one field, or the first of a list, gone or of another kind."""
    for key in told if isinstance(told, dict) else range(len(told))[:1]:
        rest = told.copy()
        del rest[key]
        yield rest
        inner = spoilt(told[key]) if isinstance(told[key], dict | list) else ()
        for other in (*OTHERS, *inner):
            rest = told.copy()
            rest[key] = other
            yield rest


def refused_or_right(read: Callable[[], object], whose: str) -> bool:
    try:
        read()
    except Esp8kError as error:
        assert whose in error.message and error.hint
        return False
    return True


@pytest.mark.parametrize(
    ("name", "told", "read"),
    [
        ("model.json", TOLD, lambda path: manifest.read(path.parent)),
        ("plan.json", PLAN, load_plan),
    ],
)
def test_no_field_of_another_kind_is_a_traceback(
    name: str, told: Any, read: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(json.dumps(told))
    assert refused_or_right(lambda: read(path), name)
    for text in NO_OBJECTS:
        path.write_text(text)
        assert not refused_or_right(lambda: read(path), name)
    refused = 0
    for other in spoilt(told):
        path.write_text(json.dumps(other))
        refused += not refused_or_right(lambda: read(path), name)
    assert refused > 50


def test_a_doubt_of_an_older_version_is_named(tmp_path: Path) -> None:
    """Its first layer had 62 inputs once."""
    old = {**DOUBT, "first": [[0] * 62] * HIDDEN}
    (tmp_path / "model.json").write_text(json.dumps({**TOLD, "doubt": old}))
    with pytest.raises(Esp8kError, match="of another version: its doubt is") as told:
        manifest.read(tmp_path)
    assert "make export" in told.value.hint


@pytest.mark.parametrize(
    "other",
    [
        {"second": [1.5] + [0] * (HIDDEN - 1)},
        {"second": ["1"] + [0] * (HIDDEN - 1)},
        {"first_bias": [True] + [0] * (HIDDEN - 1)},
        {"first": [[128] * INPUTS] * HIDDEN},
        {"weights_hash": None},
    ],
)
def test_a_decision_holds_whole_numbers_of_its_own_kind(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    """1.5 was taken for 1, which is another decision."""
    told = {**TOLD, "doubt": {**DOUBT, **other}}
    (tmp_path / "model.json").write_text(json.dumps(told))
    with pytest.raises(Esp8kError, match="its doubt is"):
        manifest.read(tmp_path)


def test_the_report_goes_without_figures_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    told = {f"{name}_bytes": 1 for name in MEMORY}
    path.write_text(json.dumps(told))
    assert memory(path) == told
    for other in spoilt(told):
        path.write_text(json.dumps(other))
        assert memory(path) is None
