"""The ESP32-S3's engine: its kernels' text, run on this machine, against the oracle."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from core.digest import digest
from core.pixels import to_int8
from core.words import MODELS
from export.emit import generate, s3_host
from export.reference import int8
from tests.support.components import Networks
from tests.support.products import verified
from tests.support.s3 import QUICK, assert_apart, assert_in_bounds, generated
from tests.support.traces import assert_as_expected
from training.data import load

BY_ROWS = "balanced"  # the profile in which v3's first stages run row by row
FAST = "-O2"  # for ten thousand images
TARGETS = {  # instructions of the kernels of one inference, and a little of the calls
    "v1": 44_000,
    "v2": 47_500,
    "v3": 176_800,
    "v3-small": 44_000,
}
EACH = [
    model if model in ("v2", "v3") else pytest.param(model, marks=pytest.mark.slow)
    for model in MODELS
]
Made = Callable[..., Path]


@pytest.fixture(scope="module")
def made(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """`made("v2")` is that model's component; not to be changed."""

    @cache
    def make(model: str, profile: str = "speed") -> Path:
        folder = tmp_path_factory.mktemp(model.replace("-", "_"))
        generated(networks(model)[0], folder, profile)
        return folder

    return make


@pytest.mark.parametrize("model", EACH)
def test_the_engine_has_the_oracles_bytes_in_its_budget(
    model: str, networks: Networks, made: Made, tmp_path: Path
) -> None:
    network, folder = networks(model)[0], made(model)
    plan = generate.load_plan(folder / "plan.json")
    engine = s3_host.S3(folder, tmp_path, QUICK)
    digits = np.asarray(load("mnist").test_images)[:100].reshape(100, -1)
    noise = np.random.default_rng(3).integers(0, 256, (40, 784)).astype(np.uint8)
    ends = np.array([[0] * 784, [255] * 784], np.uint8)
    images = np.concatenate([digits, noise, ends])
    expected = int8.outputs(network, to_int8(images).reshape(-1, 28, 28, 1))
    np.testing.assert_array_equal(engine.run(images), expected.reshape(-1, 10))
    assert engine.instructions < TARGETS[model]
    assert engine.arena_bytes <= 1.5 * plan.int8_arena_bytes
    assert_apart(folder)
    # Any address will do for the image.
    for offset in (1, 4):
        found = engine.run(images[:3], offset)
        np.testing.assert_array_equal(found, expected.reshape(-1, 10)[:3])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "profile"),
    list(zip(MODELS, [BY_ROWS, "size", BY_ROWS, "speed"], strict=True)),
)
def test_every_test_image_has_the_oracles_bytes(
    model: str, profile: str, networks: Networks, tmp_path: Path
) -> None:
    network = networks(model)[0]
    generated(network, tmp_path, profile)
    engine = s3_host.S3(tmp_path, tmp_path / "s3", FAST)
    images = np.asarray(load("mnist").test_images).reshape(-1, 784)
    assert digest(engine.run(images)) == verified(model)


def test_a_hook_sees_what_it_sees_of_the_portable_engine(
    networks: Networks, made: Made, tmp_path: Path
) -> None:
    network, folder = networks("v3")[0], made("v3", BY_ROWS)
    plan = generate.load_plan(folder / "plan.json")
    image = np.asarray(load("mnist").test_images)[0]
    seen = s3_host.S3(folder, tmp_path, QUICK).trace(image)
    assert_as_expected(seen, plan, network, to_int8(image).reshape(1, 28, 28, 1))


def test_the_kernels_touch_no_memory_but_theirs(made: Made, tmp_path: Path) -> None:
    assert_in_bounds(made("v3", BY_ROWS), tmp_path)


@pytest.mark.parametrize("options", [("-DPIE_SYMMETRIC=1",), ("-DPIE_SYMMETRIC=0",)])
def test_how_lanes_saturate_below_makes_no_difference(
    options: tuple[str, ...],
    networks: Networks,
    made: Made,
    tmp_path: Path,
) -> None:
    network = networks("v2")[0]
    engine = s3_host.S3(made("v2"), tmp_path, QUICK, *options)
    images = np.random.default_rng(4).integers(0, 256, (50, 784)).astype(np.uint8)
    expected = int8.outputs(network, to_int8(images).reshape(-1, 28, 28, 1))
    np.testing.assert_array_equal(engine.run(images), expected.reshape(-1, 10))


def test_the_same_network_gives_the_same_bytes(
    networks: Networks, made: Made, tmp_path: Path
) -> None:
    generated(networks("v2")[0], tmp_path)
    for name in ("src/net_int8_s3.S", "src/net_int8_s3.c", "src/net_model.h"):
        assert (tmp_path / name).read_bytes() == (made("v2") / name).read_bytes()
