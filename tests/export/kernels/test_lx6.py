"""The LX6 kernels through the models of their instructions, against the reference."""

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from core.digest import digest
from export.arithmetic import int8, requant_proof
from export.arithmetic.requant import Steps
from export.emit import lower
from export.emit.generate import flags, generate
from export.frontend.support import integer_core
from export.graph.read import read_tflite
from export.kernels import registry
from export.kernels.lx6 import requant
from export.kernels.lx6.assembly import Block
from export.kernels.lx6.requant import Narrow, Sums
from export.reference import int8 as reference
from export.reference.stages import stage_outputs
from tests.support.components import IDENTITY, Components, Networks
from tests.support.native import TRAP, Native
from tests.support.products import verified
from tools.bench import build, count, models
from tools.bench.drawn.networks import random_inputs, random_network
from tools.bench.drawn.tflite_builder import TfliteBuilder
from training.data import load

MODEL = ("-DNN_LX6_MODEL", "-O1")
MODELS = ("v1", "v2", "v3", "v3-small")
NETWORKS = int(os.environ.get("ESP8K_NETWORKS", 64))
# What a random network's kernels are made by, in turn; "": the cheapest.
WAYS = ("", "winograd2", "winograd1", "direct", "channels")
NORMALISED = 8  # the seed of one with a MUL and an ADD behind a convolution
NEAR = 0.05  # what the counted cost and the emulator may differ by
# Instructions of one inference on the emulated core, in the profile for speed.
MOST = {"v1": 205_000, "v2": 220_000, "v3": 820_000, "v3-small": 200_000}


def bytes_of(inputs: np.ndarray) -> np.ndarray:
    return (inputs.astype(np.int16) + 128).astype(np.uint8)


@pytest.mark.parametrize("source", ["", "w"])
def test_a_pointer_is_moved_by_any_distance(source: str) -> None:
    for distance in (0, 127, -129, 256, 32_640, 32_767, -32_900, 51_328, -90_000):
        block = Block()
        block.move("v", distance, source)
        words = [re.findall(r"\w+|-\d+", word) for word in block.words]
        assert sum(int(word[-1]) for word in words) == distance
        assert all(word[1] == "v" for word in words)
        assert [word[2] for word in words][:1] in ([], [source or "v"])
        assert all(word[2] == "v" for word in words[1:])
        assert len(words) <= 4 and (words or not source)


# ==== Requantisation ====


def exact(
    bias: int, mantissa: int, shift: int, zero: int, reach: tuple[int, int]
) -> Steps:
    def function(acc: np.ndarray) -> np.ndarray:
        return np.clip(int8.requantize(acc, mantissa, shift) + zero, 0, 255)

    at = requant_proof.thresholds(function, np.arange(1, 256), *reach)
    return Steps(bias, mantissa, shift, *reach, at)


def requantised(narrow: Narrow, channel: int, sums: np.ndarray) -> np.ndarray:
    """What the instructions compute, as q before any clamp, from y with its bias."""
    c = narrow.channels[channel]
    y = sums.astype(np.int64)
    if narrow.inverse:
        y = ((y * narrow.inverse + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)
    v = (y * c.multiplier) >> 32
    if narrow.plain:
        return v >> narrow.shift
    return (v + np.where(v < 0, c.negative, c.positive)) >> narrow.shift


@pytest.mark.parametrize("factor", [(1, 1), (24, 3), (576, 9)])
@pytest.mark.parametrize("zero", [0, 100, 255])
def test_every_sum_is_requantised_as_tflite_does(
    factor: tuple[int, int], zero: int
) -> None:
    rng = np.random.default_rng(zero + factor[0])
    reach = (-9_000, 11_000)
    steps = [
        exact(int(rng.integers(-50, 50)), int(m), -int(s), zero, reach)
        for m, s in zip(
            rng.integers(1 << 30, 1 << 31, 6), rng.integers(4, 9, 6), strict=True
        )
    ]
    sums = Sums(*factor, np.full(6, 127))
    found = requant.solve(steps, np.arange(1, 256), sums)
    assert found is not None
    t = np.arange(reach[0], reach[1] + 1)
    for c, one in enumerate(steps):
        channel = found.channels[c]
        times = channel.scale * factor[0]
        y = (t - one.bias) * times + channel.bias
        q = np.clip(requantised(found, c, y), -128, 127)
        expected = int8.requantize(t, one.mantissa, one.shift) + zero - 128
        assert np.array_equal(q, np.clip(expected, -128, 127)), c


def test_behind_a_relu_there_is_no_constant_to_choose() -> None:
    steps = [exact(5, (1 << 30) + 12345, -7, 0, (-30_000, 60_000))]
    found = requant.solve(steps, np.arange(1, 256), Sums(1, 1, np.array([127])))
    assert found is not None and found.plain


def test_a_scale_above_one_is_left_to_portable_c() -> None:
    steps = [exact(0, 1 << 30, 2, 128, (-100, 100))]
    assert requant.solve(steps, np.arange(1, 256), Sums(1, 1, np.array([127]))) is None


# ==== Networks ====


@pytest.mark.parametrize(
    "profile", [pytest.param("speed", marks=pytest.mark.slow), "balanced", "size"]
)
@pytest.mark.parametrize("model", MODELS)
def test_a_model_gives_the_references_bits(
    model: str,
    profile: str,
    components: Components,
    networks: Networks,
    images: np.ndarray,
    tmp_path: Path,
) -> None:
    native = Native(components(model, profile), tmp_path, options=MODEL)
    inputs = (images.astype(np.int16) - 128).astype(np.int8)
    expected = reference.outputs(networks(model)[0], inputs).reshape(-1, 10)
    assert np.array_equal(native.run("int8", images), expected)
    network = networks(model)[0]
    for got, want in zip(
        native.trace("int8", images[0]),
        stage_outputs(native.plan, network, images[0]),
        strict=True,
    ):
        assert np.array_equal(got, want)
    if profile == "speed":
        assert digest(native.run("int8", load().test_images)) == verified(model)


@pytest.mark.slow
def test_random_networks_give_the_references_bits(tmp_path: Path) -> None:
    """As many as ESP8K_NETWORKS says, for a night; 64 else."""
    reached: Counter[str] = Counter()
    for seed in range(NETWORKS):
        reached.update(check(seed, tmp_path / str(seed)))
    assert {*WAYS, "registers"} <= {"", *reached}, reached


def test_hooks_tell_tables_of_channels_as_the_portable_engine_does(
    tmp_path: Path,
) -> None:
    """There they stand behind a sum, here alone: other stages, the same numbers."""
    network = integer_core(read_tflite(random_network(NORMALISED), "net"))
    plan = generate(network, None, tmp_path, "speed", "net", IDENTITY)
    text = (tmp_path / "src" / "net_int8_network.c").read_text()
    assert "_table[(k - net_int8_" in text
    text = (tmp_path / "src" / "net_int8_lx6_network.c").read_text()
    assert "_table[c * 256 + in0[" in text
    native = Native(tmp_path, tmp_path / "native", options=(*MODEL, "-O0", *TRAP))
    image = bytes_of(random_inputs(network, NORMALISED, 3))[2]
    expected = stage_outputs(plan, network, image)
    for got, want in zip(native.trace("int8", image), expected, strict=True):
        assert np.array_equal(got, want)


def test_a_pool_that_overlaps_may_be_the_last_layer(tmp_path: Path) -> None:
    """What is stored there is q, not u = q + 128."""
    b, rng = TfliteBuilder(), np.random.default_rng(5)
    x, y, z = (
        b.tensor(s, 0.1, 3) for s in ((1, 10, 10, 4), (1, 8, 8, 4), (1, 4, 4, 4))
    )
    weights = b.tensor((4, 3, 3, 4), 0.01, 0, rng.integers(-127, 128, (4, 3, 3, 4)))
    bias = b.tensor((4,), 0.001, 0, rng.integers(-99, 99, 4), "int32")
    b.operator("CONV_2D", [x, weights, bias], y, padding=1, strideH=1, strideW=1)
    sizes = {"filterHeight": 4, "filterWidth": 4, "strideH": 2, "strideW": 2}
    b.operator("MAX_POOL_2D", [y], z, padding=0, **sizes)
    network = integer_core(read_tflite(b.build([x], [z]), "net"))
    generate(network, None, tmp_path, "speed", "net", IDENTITY)
    code = (tmp_path / "src" / "net_int8_lx6_network.c").read_text()
    assert "_rows_sums(" in code and "_pool(" in code
    inputs = random_inputs(network, 5, 8)
    native = Native(tmp_path, tmp_path / "native", options=(*MODEL, *TRAP))
    found = native.run("int8", bytes_of(inputs))
    expected = reference.outputs(network, inputs).reshape(found.shape)
    assert np.array_equal(found, expected)


def check(seed: int, folder: Path) -> set[str]:
    """Hold one network to the reference; the kernels that it has."""
    network = integer_core(read_tflite(random_network(seed), "net"))
    price = preferring(WAYS[seed % len(WAYS)])
    generate(network, None, folder, "speed", "net", IDENTITY, price)
    inputs = random_inputs(network, seed, 8)
    native = Native(folder, folder / "native", options=(*MODEL, "-O0", *TRAP))
    found = native.run("int8", bytes_of(inputs))
    expected = reference.outputs(network, inputs).reshape(found.shape)
    assert np.array_equal(found, expected), f"seed {seed}"
    assert native.touched("int8", bytes_of(inputs)[0]) <= _arena(folder), seed
    code = (folder / "src" / "net_int8_lx6_network.c").read_text()
    return set(re.findall(r"/\* (\w+): [\d,]+ instructions", code))


def preferring(method: str) -> lower.Price:
    """The price of a kernel, nothing where it is made in that way."""
    return lambda kernel: 0 if kernel.method == method else lower.cheapest(kernel)


def _arena(folder: Path) -> int:
    header = (folder / "src" / "net_model.h").read_text()
    found = re.search(r"#if NN_LX6[^\n]*\n#define \w+_ARENA_BYTES (\d+)u", header)
    assert found is not None
    return int(found[1])


@pytest.mark.emulator
@pytest.mark.parametrize("model", MODELS)
def test_the_emulated_core_gives_the_bits_within_the_budget(
    model: str,
    components: Components,
    networks: Networks,
    images: np.ndarray,
    tmp_path: Path,
) -> None:
    component, network = components(model, "speed"), networks(model)[0]
    program = models.program(component, Native.plan_of(component), "int8")
    chosen = np.ascontiguousarray(images[:2]).reshape(2, -1)
    built = build.build(program, "lx6", flags("xtensa"), chosen, tmp_path)
    counted = count.count(built, chosen)
    inputs = (chosen.astype(np.int16) - 128).astype(np.int8)
    expected = reference.outputs(network, inputs).reshape(2, -1)
    assert np.array_equal(counted.outputs.view(np.int8), expected)
    assert counted.instructions <= MOST[model]
    engine = lower.int8(network, "speed", "esp8k", core=registry.LX6)
    foretold = sum(kernel.cost("lx6") for kernel in engine.kernels)
    assert foretold == pytest.approx(counted.instructions, rel=NEAR)


def test_a_component_without_these_kernels_has_portable_c_on_every_core(
    networks: Networks, tmp_path: Path
) -> None:
    int8_network, f16 = networks("v2")
    place = (int8_network, f16, tmp_path, "speed", "v2", IDENTITY)
    generate(*place, lx6=False)
    texts = [path.read_text() for path in (tmp_path / "src").glob("v2_*")]
    assert texts and not any("NN_LX6" in text for text in texts)
    assert not list((tmp_path / "src").glob("*lx6*"))
