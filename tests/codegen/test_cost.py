"""The cost model against counts on the emulated cores."""

from dataclasses import asdict
from pathlib import Path

import pytest

from export import codegen
from tests.codegen.conftest import Components
from tools import emulator

pytestmark = pytest.mark.emulator
TOLERANCE = 0.10


def estimates(component: Path, core: str) -> dict[str, int]:
    """What the comments above the layers promise."""
    found, name = {}, ""
    for line in (component / "src" / "int8_network.c").read_text().splitlines():
        if line.startswith("/* ==== ") and ":" in line:
            name = line.split()[2].rstrip(":")
        if "estimated instructions" in line:
            part = next(p for p in line.split(": ")[1].split(", ") if core in p)
            found[name] = int(part.split(" on ")[0].replace(",", ""))
    return found


@pytest.mark.parametrize("profile", codegen.PROFILES)
@pytest.mark.parametrize("target, core", [("lx106", "lx106"), ("rv32imc", "RV32IMC")])
def test_estimates_are_within_ten_percent_of_counts(
    target: str, core: str, profile: str, components: Components
) -> None:
    component = components("v2", profile)
    counts = emulator.measure(component, "int8", target)["per_stage"]
    promised = estimates(component, core)
    assert promised.keys() == counts.keys()
    for name, count in counts.items():
        assert abs(promised[name] / count - 1) <= TOLERANCE, name


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["speed", "size"])
def test_estimates_hold_for_the_wider_model(
    profile: str, components: Components
) -> None:
    component = components("v3", profile)
    counts = emulator.measure(component, "int8", "lx106")["per_stage"]
    promised = estimates(component, "lx106")
    for name, count in counts.items():
        assert abs(promised[name] / count - 1) <= TOLERANCE, name


def test_speed_takes_winograd_where_it_is_cheaper(components: Components) -> None:
    plan = codegen.load_plan(components("v2", "speed") / "plan.json")
    methods = {stage.name: asdict(stage)["method"] for stage in plan.engine("int8")}
    assert methods == {
        **{f"conv{i}": "winograd" for i in (1, 2, 3, 4)},
        "dense1": "direct",
    }
