"""The page about `--json` names every command that has it, and what it prints."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.paths import ROOT
from tools import mlperf_data
from tools.bench import fit_cost
from tools.faults import fuzz
from tools.main import VERBS
from training import data
from training.studies import search, sweep

PAGE = (ROOT / "docs" / "reference" / "json.md").read_text()
TOLD = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", PAGE, re.M))
VALIDATION = {"raw": {"accuracy": 99.0, "loss": math.nan, "temperature": 1.0}}
ATTEMPT = {
    **{"note": "", "spec": "fc", "seed": 0, "parameters": 7, "macs": 9, "recipe": {}},
    **{"train_accuracy": 98.0, "validation": VALIDATION},
}


def test_it_names_every_command_that_prints_json() -> None:
    def prints(module: str) -> bool:
        config = getattr(import_module(module), "Config", None)
        return config is not None and "json" in {f.name for f in fields(config)}

    assert set(TOLD) == {n for n, verb in VERBS.items() if prints(verb.module)}


def few(*_: object) -> data.Data:
    images, labels = np.zeros((10, 28, 28), np.uint8), np.arange(10)
    return data.Data("mnist", images, labels, images, labels, "h")


def stubbed(verb: str, patch: pytest.MonkeyPatch, folder: Path) -> list[str]:
    """Take the work away from a command; its options."""
    if verb == "sweep":
        row = {"peak": 0.01, "epoch": 3, "loss": math.inf, "accuracy": 99.0}
        patch.setattr(sweep, "sweep", lambda config: [row])
    elif verb == "search":
        patch.setattr(search, "attempt", lambda config: ATTEMPT)
    elif verb == "fuzz":
        patch.setattr(fuzz, "fuzz", lambda *_: (1234, folder))
    elif verb == "fit-cost":
        patch.setattr(fit_cost, "lines", lambda core: ([], []))
        patch.setattr(fit_cost, "fit", lambda *_: {"product": math.nan, "load": 1.0})
    else:
        patch.setattr(data, "of_exported", few)
        return ["--images", "10"]
    return []


MAINS: dict[str, Callable[[list[str]], object]] = {
    "sweep": sweep.main,
    "search": search.main,
    "fuzz": fuzz.main,
    "fit-cost": fit_cost.main,
    "mlperf-data": mlperf_data.main,
}


@pytest.mark.parametrize("verb", MAINS)
def test_what_it_prints_is_json_with_those_names(
    verb: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ESP8K_BUILD", str(tmp_path))
    options = stubbed(verb, monkeypatch, tmp_path)

    def refuse(text: str) -> Any:
        raise AssertionError(f"{text} is not JSON")

    MAINS[verb]([*options, "--json"])
    told = json.loads(capsys.readouterr().out, parse_constant=refuse)
    if verb == "fit-cost":  # by core
        assert told == {
            c: {"product": None, "load": 1.0} for c in (*fit_cost.CORES, fit_cost.S3)
        }
        return
    names = set(re.findall(r"`(\w+)`", TOLD[verb]))
    assert set(told) <= names
    for rows in told.values():
        if isinstance(rows, list) and verb == "fuzz":
            assert set().union(*rows) <= names
    MAINS[verb](options)
    assert capsys.readouterr().out.strip()
