"""The cost model against counts on the emulated cores."""

from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path

import pytest

from core.words import PROFILES
from export.cores.s3.lower import lower
from export.emit import generate
from export.kernels.kernel import Kernel
from tests.support.components import IDENTITY, Components, Networks
from tools.bench import fit_cost, fit_s3, profiler
from tools.bench.drawn.typical import HELD_OUT, typical_image, typical_network

pytestmark = pytest.mark.emulator
TOLERANCE = 0.10


Counted = Callable[[int, str, str], list[tuple[Kernel, str, int]]]


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Counted:
    """What `fit_cost.counted` finds of a typical network, by its seed, way and core.

    C is generated once for all cores, and counted once: one way is often another.
    """
    root = tmp_path_factory.mktemp("typical")

    @cache
    def made(seed: int, way: str) -> tuple[tuple[Kernel, ...], Path, bytes]:
        folder = root / f"{seed}_{way}"
        kernels = fit_cost.generated(typical_network(seed), "speed", way, folder)
        files = sorted((folder / "src").iterdir())
        return kernels, folder, b"".join(path.read_bytes() for path in files)

    counts: dict[tuple[bytes, str], dict[str, int]] = {}

    @cache
    def count(seed: int, way: str, core: str) -> list[tuple[Kernel, str, int]]:
        kernels, folder, text = made(seed, way)
        if (text, core) not in counts:
            image = typical_image(typical_network(seed), seed)
            found = profiler.measure(folder, "int8", fit_cost.CORES[core], image=image)
            counts[text, core] = found.per_stage
        per_stage = counts[text, core]
        return [(kernel, kernel.method, per_stage[kernel.name]) for kernel in kernels]

    return count


def estimates(component: Path, core: str) -> dict[str, int]:
    """What the comments above the layers promise."""
    found, name = {}, ""
    for line in (
        next((component / "src").glob("*_int8_network.c")).read_text().splitlines()
    ):
        if line.startswith("/* ==== ") and ":" in line:
            name = line.split()[2].rstrip(":")
        if "estimated instructions" in line:
            part = next(p for p in line.split(": ")[1].split(", ") if core in p)
            found[name] = int(part.split(" on ")[0].replace(",", ""))
    return found


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("target, core", [("lx106", "lx106"), ("rv32imc", "RV32IMC")])
def test_estimates_are_within_ten_percent_of_counts(
    target: str, core: str, profile: str, components: Components
) -> None:
    component = components("v2", profile)
    counts = profiler.measure(component, "int8", target).per_stage
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
    counts = profiler.measure(component, "int8", "lx106").per_stage
    promised = estimates(component, "lx106")
    for name, count in counts.items():
        assert abs(promised[name] / count - 1) <= TOLERANCE, name


@pytest.mark.slow
@pytest.mark.parametrize("core", fit_cost.CORES)
@pytest.mark.parametrize("way", ["winograd", "winograd4"])
def test_estimates_hold_for_networks_that_no_weight_was_fitted_to(
    way: str, core: str, counted: Counted
) -> None:
    layers, tiled = 0, 0
    for seed in HELD_OUT:
        found = counted(seed, way, core)
        total = sum(count for _, _, count in found)
        for kernel, method, count in found:
            if count < fit_cost.MATTERS * total or fit_cost.constant(kernel):
                continue
            part = kernel.cost(core) / count
            assert abs(part - 1) <= TOLERANCE, (seed, kernel.name, method, part)
            layers += 1
            tiled += method == way
    assert layers >= 2 * len(HELD_OUT)
    assert tiled >= 2


@pytest.mark.slow
def test_what_the_model_chooses_is_the_cheaper_by_count(counted: Counted) -> None:
    """Direct against both Winograds on lx106; near a tie it may go any way."""
    chosen = {"direct": 0, "winograd": 0, "winograd4": 0}
    for seed in HELD_OUT:
        ways = zip(*(counted(seed, way, "xtensa") for way in chosen), strict=True)
        for found in ways:
            rivals = {method: (kernel, count) for kernel, method, count in found}
            if len(rivals) == 1 or fit_cost.constant(found[0][0]):
                continue
            prices = {m: kernel.cost("xtensa") for m, (kernel, _) in rivals.items()}
            taken = min(prices, key=prices.__getitem__)
            chosen[taken] += 1
            least = min(count for _, count in rivals.values())
            name = found[0][0].name
            assert rivals[taken][1] <= (1 + TOLERANCE) * least, (seed, name)
    assert chosen["winograd"] >= 3 and chosen["winograd4"] >= 3


def test_speed_takes_winograd_where_it_is_cheaper(components: Components) -> None:
    plan = generate.load_plan(components("v2", "speed") / "plan.json")
    methods = {stage.name: asdict(stage)["method"] for stage in plan.engine("int8")}
    assert methods == {
        **{f"conv{i}": "winograd" for i in (1, 2, 4)},
        "conv3": "winograd4",
        "dense1": "direct",
    }


def test_the_c_around_the_s3s_kernels_is_as_foretold(networks: Networks) -> None:
    network = networks("v2")[0]
    engine = lower(network, "net", fit_s3.PROFILE)
    counted = fit_s3.counted(network, engine, IDENTITY)
    assert engine.overhead == pytest.approx(counted, rel=TOLERANCE)
