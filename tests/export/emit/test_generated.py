"""The generated C against its references, on this machine."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from core.words import PROFILES
from export.emit.generate import generate
from export.frontend.support import integer_core
from export.graph.read import read_tflite
from export.reference import float16, int8
from export.reference.stages import stage_outputs
from tests.support.components import IDENTITY, Components, Natives, Networks
from tests.support.native import Native
from tools.bench.drawn.tflite_builder import TfliteBuilder

MODELS = ("v1", "v2")
# plus nothing, times one, a name alone in parentheses
IDLE = re.compile(
    r"[-+] 0\b(?!\.)|\b0 [-+*] |[*/] 1\b(?!\.)|\b1 \* |[-+*] \(\w+\)(?!\w)"
)
ENGINE = re.compile(r"_(int8|f16)_")  # a file of the network's, not a kernel's header
# from 0 to less than 1, or to as much as a step
ONE_TURN = re.compile(r"for \(.* = 0; \w+ < (?:1;|(\d+); \w+ \+= \1\))")


def as_int8(images: np.ndarray) -> np.ndarray:
    return (images.astype(np.int16) - 128).astype(np.int8)


@pytest.mark.parametrize("model,profile", list(itertools.product(MODELS, PROFILES)))
def test_int8_equals_the_integer_reference(
    model: str, profile: str, natives: Natives, networks: Networks, images: np.ndarray
) -> None:
    expected = int8.outputs(networks(model)[0], as_int8(images))
    found = natives(model, profile).run("int8", images)
    assert np.array_equal(found, expected.reshape(found.shape))


@pytest.mark.parametrize("model", MODELS)
def test_float16_equals_its_reference_to_the_bit(
    model: str, natives: Natives, networks: Networks, images: np.ndarray
) -> None:
    expected = float16.outputs(networks(model)[1], images)
    found = natives(model, "balanced").run("f16", images)
    assert np.array_equal(found.view(np.uint32), expected.view(np.uint32))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("engine", ["int8", "f16"])
def test_every_stage_is_seen_by_the_hook_as_the_plan_says(
    engine: str, profile: str, natives: Natives, networks: Networks, images: np.ndarray
) -> None:
    native = natives("v2", profile)
    network = networks("v2")[engine == "f16"]
    for image in (images[0], images[350]):
        expected = stage_outputs(native.plan, network, image)
        for found, wanted in zip(native.trace(engine, image), expected, strict=True):
            assert np.array_equal(found, wanted)


def test_dead_pixels_are_neither_computed_nor_stored(components: Components) -> None:
    plan = Native.plan_of(components("v2", "balanced"))
    shapes = [stage.shape for stage in plan.engine("int8")]
    assert shapes == [(12, 12, 8), (10, 10, 8), (4, 4, 16), (2, 2, 32), (1, 1, 10)]
    assert sum(s.macs for s in plan.engine("int8")) == 231_392
    assert sum(s.effective_macs for s in plan.engine("int8")) == 192_512


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("engine", ["int8", "f16"])
def test_the_arena_is_used_to_its_end_and_no_further(
    engine: str, profile: str, natives: Natives, images: np.ndarray
) -> None:
    native = natives("v2", profile)
    planned = getattr(native.plan, f"{engine}_arena_bytes")
    assert planned - 4 < native.touched(engine, images[0]) <= planned


def test_v2_fits_the_memory_that_was_asked_for(components: Components) -> None:
    size = Native.plan_of(components("v2", "size"))
    assert size.int8_arena_bytes <= 2000
    assert size.f16_arena_bytes <= 4096
    weights = sum(s.weight_bytes for s in size.engine("f16"))
    assert weights <= 16 * 1024


def test_the_same_network_gives_the_same_bytes(
    networks: Networks, components: Components, tmp_path: Path
) -> None:
    first = components("v2", "speed")
    generate(*networks("v2"), tmp_path, "speed", "v2", IDENTITY)
    names = sorted(p.relative_to(first) for p in first.rglob("*.*"))
    assert names
    for name in names:
        assert (first / name).read_bytes() == (tmp_path / name).read_bytes()


def test_the_code_needs_no_library_and_names_no_path(components: Components) -> None:
    for source in components("v2", "speed").rglob("*.[ch]"):
        text = source.read_text()
        assert not re.search(r"#include <(?!stdint|stddef|float|xtensa/config)", text)
        assert "/work" not in text and "malloc" not in text


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("model", ["v2", "v3"])
def test_the_code_is_as_one_would_write_it(
    model: str, profile: str, components: Components
) -> None:
    """80 columns, no sum or product that does nothing, and no loop of one turn."""
    folder = components(model, profile) / "src"
    sources = [p for p in folder.glob("*.[chS]") if ENGINE.search(p.name)]
    engines = {"int8", "f16", "int8_lx6", *(["f16_lx6"] if profile == "speed" else [])}
    assert {f"{model}_{engine}_network.c" for engine in engines} <= {
        source.name for source in sources
    }
    for source in sources:
        lines = source.read_text().splitlines()
        assert not [line for line in lines if len(line) > 80], source.name
        assert not [line for line in lines if IDLE.search(line)], source.name
        assert not [line for line in lines if ONE_TURN.search(line)], source.name


def test_an_unknown_profile_is_refused(networks: Networks, tmp_path: Path) -> None:
    with pytest.raises(Esp8kError, match="profile 'fast'"):
        generate(*networks("v2"), tmp_path, "fast", "v2", IDENTITY)
    assert not any(tmp_path.iterdir())


def test_a_layers_steps_have_one_function(tmp_path: Path) -> None:
    """Text grows by a call a step."""

    def functions(steps: int) -> int:
        b = TfliteBuilder()
        data = np.random.default_rng(0).integers(-127, 128, (8, 8)).astype(np.int8)
        weights = b.tensor(data.shape, 0.01, 0, data)
        start = value = b.tensor((1, 8), 1 / 128)
        for _ in range(steps):
            made, rounded = b.tensor((1, 8), 0.05), b.tensor((1, 8), 1 / 128)
            b.operator("FULLY_CONNECTED", [value, weights, -1], made)
            b.operator("ADD", [made, start], rounded)
            value = rounded
        network = integer_core(read_tflite(b.build([start], [value]), "net"))
        folder = tmp_path / str(steps)
        generate(network, None, folder, "size", "net", IDENTITY)
        text = (folder / "src" / "net_int8_network.c").read_text()
        return text.count("NN_LAYER")

    assert functions(6) == functions(4)
