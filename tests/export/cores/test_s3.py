"""The ESP32-S3's engine: its kernels' text, run on this machine, against the oracle.

ESP8K_NETWORKS=1000 .venv/bin/python -m pytest tests/export/cores/test_s3.py
"""

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.digest import digest
from core.pixels import to_bytes, to_int8
from core.words import MODELS, PROFILES
from export.arithmetic import int8 as arithmetic
from export.cores.s3 import add, lines, requant, rows
from export.cores.s3.arena import TAIL
from export.cores.s3.layout import WORD
from export.cores.s3.lower import lower
from export.emit import generate, s3_host
from export.emit.host_build import compile_c
from export.frontend.support import integer_core, require_supported
from export.graph.fusion import plan_stages
from export.graph.network import Network
from export.graph.read import read_tflite
from export.reference import int8
from tests.support import stalls
from tests.support.components import IDENTITY, Networks
from tests.support.products import verified
from tests.support.traces import assert_as_expected
from tools.bench.drawn.networks import Generator, random_inputs, random_network
from tools.bench.drawn.typical import typical_network
from training.data import load

NETWORKS = int(os.environ.get("ESP8K_NETWORKS", 100))  # 100 in CI, 1000 for a night
BY_ROWS = "balanced"  # the profile in which v3's first stages run row by row
QUICK = "-O0"  # of a thousand lines a kernel; for few images
FEW = 12  # of them in the fast suite
# Random networks that begin with what no photograph is.
POOL_OF_IMAGE = 967  # of eight bytes a row: every other one begins inside a vector
DEEP_IMAGE = 978  # of more channels than a load's offset reaches
UNEVEN_ROWS = 0  # a typical one: 22 pixels of three bytes
WRAPPED_ROWS = 149  # the last pixels of a row lie where the next one's border begins
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
MAIN = """
#include "{prefix}_model.h"
#include <stdlib.h>
int main(int argc, char **argv)
{{
    static {prefix}_int8_arena_t arena;
    /* Vector loads take whole lines of 16 bytes: each with a byte of the input. */
    static __attribute__((aligned(16)))
    uint8_t in[({upper}_INPUT_BYTES + 1 + 15) / 16 * 16];
    const size_t at = argc > 1 ? (size_t)atoi(argv[1]) : 0;
    int8_t *const out = malloc({upper}_OUTPUT_SIZE + at);

    const int wrong =
        out == NULL || {prefix}_int8_run(&arena, in + at, out + at) != {upper}_OK;

    free(out);
    return wrong;
}}
"""


def generated(network: Network, folder: Path, profile: str = "speed") -> generate.Plan:
    """A component with this core's engine."""
    place = (folder, profile, "net", IDENTITY)
    return generate.generate(network, None, *place, s3=True, lx6=False)


@pytest.fixture(scope="module")
def made(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """`made("v2")` is that model's component; not to be changed."""

    @cache
    def make(model: str, profile: str = "speed") -> Path:
        folder = tmp_path_factory.mktemp(model.replace("-", "_"))
        generated(networks(model)[0], folder, profile)
        return folder

    return make


def assert_apart(folder: Path) -> None:
    """Hold the kernels to few stalls for loads and sums."""
    left = stalls.unexplained((folder / "src" / "net_int8_s3.S").read_text())
    assert left.total() <= stalls.FEW, left


# ==== Constants ====


def channel(constants: requant.Constants, c: int) -> requant.Constants:
    """Those of one channel."""
    one = {
        name: getattr(constants, name)[c : c + 1]
        for name in ("offset", "multiplier", "border", "back")
    }
    return replace(constants, **one)


@pytest.mark.parametrize("model", EACH)
def test_requantisation_is_exact_on_every_sum(model: str, networks: Networks) -> None:
    for stage in plan_stages(networks(model)[0]):
        steps = requant.weighted(stage) if stage.weighs else None
        if steps is None:
            continue
        constants = requant.solve(steps)
        assert constants is not None
        mantissa, shift = arithmetic.channel_multipliers(stage.network, stage.head)
        zero = stage.head_output.zero_point
        for c in range(len(steps.real)):
            sums = np.arange(steps.least[c], steps.greatest[c] + 1)
            total = sums - steps.turn[c]
            exact = arithmetic.requantize(total, mantissa[c], shift[c]) + zero
            (found,) = channel(constants, c).apply(sums[None])
            np.testing.assert_array_equal(found, arithmetic.clamp(exact))


def test_a_channel_that_gives_one_value_has_constants() -> None:
    least = np.array([-500, -500])
    values = np.array([[127], [-128]])
    steps = requant.stepped(
        lambda sums: np.broadcast_to(values, sums.shape),
        np.array([1.0, 1.0]),
        least,
        -least,
        0 * least,
    )
    constants = requant.solve(steps)
    assert constants is not None
    sums = np.broadcast_to(np.arange(-500, 501), (2, 1001))
    assert (constants.apply(sums) == values).all()


def test_lines_are_found_for_what_rises_in_two_slopes_only() -> None:
    q = np.arange(-128, 128)
    leaky = np.clip(np.where(q >= -20, q + 20, (q + 20) // 8) - 30, -128, 127)
    found = lines.find(leaky, -20)
    assert found is not None
    np.testing.assert_array_equal(found.apply(q), leaky)
    assert lines.find(np.where(q < 0, 5, 3), 0) is None
    assert lines.find(np.rint(127 * np.tanh(q / 40)), 0) is None


def test_the_factors_of_an_offset_lie_in_its_range() -> None:
    one, other = add.factors(123_456_000, 123_456_040) or (0, 0)
    assert 123_456_000 <= one * other <= 123_456_040
    assert add.factors(7, 6) is None


# ==== Networks ====


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
    engine = s3_host.S3(tmp_path, tmp_path / "s3")
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


def assert_in_bounds(folder: Path, tmp_path: Path) -> None:
    """Run a component with its memory watched, the caller's at two addresses."""
    (tmp_path / "main.c").write_text(MAIN.format(prefix="net", upper="NET"))
    sources = s3_host.sources(folder, tmp_path / "s3")
    sources.append(tmp_path / "main.c")
    program, includes = tmp_path / "program", [folder / "src", s3_host.MODELS]
    checks = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", QUICK, "-g")
    compile_c(sources, includes, program, "-DNN_S3=1", *checks)
    for offset in "01":
        subprocess.run([str(program), offset], check=True)


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


# ==== The caller's buffers ====


class Connected(Generator):
    """Fully connected layers of given sizes, the input's first."""

    def layers(self, *sizes: int) -> bytes:
        """The bytes of a .tflite."""
        x = start = self.value((1, sizes[0]), 2**-7, self.zero_point())
        for before, size in pairwise(sizes):
            weights = self.weights((size, before))
            x = self.weighted(x, "FULLY_CONNECTED", weights, 0, (1, size))
        return self.builder.build([start.index], [x.index])


EDGE = 47  # bytes: whole vectors from one address on, one less from another


@pytest.mark.parametrize("sizes", [(3, 5), (16, 39, 23), (EDGE, 34)])
def test_dense_layers_use_the_callers_buffers_at_any_address(
    sizes: tuple[int, ...], tmp_path: Path
) -> None:
    network = read_tflite(Connected(1).layers(*sizes), "dense")
    generated(network, tmp_path, "size")
    assert_apart(tmp_path)
    inputs = random_inputs(network, 1, 6)
    expected = int8.outputs(network, inputs).reshape(len(inputs), -1)
    engine = s3_host.S3(tmp_path, tmp_path / "s3", QUICK)
    between = sum(-(-size // 16) * 16 for size in sizes[1:-1])
    few = 8 * min(-(-max(sizes[1:]) // 8) * 8, 16)  # sums that wait; no copies
    assert engine.arena_bytes <= between + few + TAIL
    for offset in range(16):
        found = engine.run(to_bytes(inputs), offset)
        np.testing.assert_array_equal(found, expected)
    if sizes[0] == EDGE:
        assert_in_bounds(tmp_path, tmp_path)


# ==== Random networks ====

REACHED = {
    *("image", "border", "conv", "depthwise", "dense", "maxpool", "avgpool"),
    *("mean", "add", "portable conv", "portable softmax", "portable concat", "rows"),
}


@pytest.mark.parametrize(
    "seeds",
    [range(FEW), pytest.param(range(FEW, NETWORKS), marks=pytest.mark.slow)],
    ids=["few", "all"],
)
def test_random_networks_have_the_references_bytes(
    seeds: range, tmp_path: Path
) -> None:
    reached: Counter[str] = Counter()
    for seed in seeds:
        reached.update(check(seed, tmp_path / str(seed)))
    if len(seeds) > FEW:
        assert not REACHED - reached.keys()


@pytest.mark.parametrize(
    ("seed", "profile"),
    [(POOL_OF_IMAGE, "speed"), (DEEP_IMAGE, "speed"), (WRAPPED_ROWS, "size")],
)
def test_images_of_odd_sizes_have_the_references_bytes(
    seed: int, profile: str, tmp_path: Path
) -> None:
    checked(seed, tmp_path, profile)


def test_rows_that_are_kept_are_moved_by_whole_words() -> None:
    engine = lower(typical_network(UNEVEN_ROWS), "net", BY_ROWS)
    runs = [unit for unit in engine.units if isinstance(unit, rows.Run)]
    kept = [one for run in runs for one in run.chain.kept.values()]
    assert kept and all(one.width % WORD == 0 for one in kept)


def check(seed: int, folder: Path) -> set[str]:
    """Hold one network to the reference, each in another profile; its kernels."""
    return checked(seed, folder, PROFILES[seed % len(PROFILES)])


def checked(seed: int, folder: Path, profile: str) -> set[str]:
    """As `check`, in a profile."""
    network = integer_core(read_tflite(random_network(seed), f"seed {seed}"))
    require_supported(network)
    generated(network, folder, profile)
    if not (folder / "src" / "net_int8_s3.c").exists():
        return {"nothing but a new shape"}
    assert_apart(folder)
    inputs = random_inputs(network, seed, 8)
    expected = int8.outputs(network, inputs).reshape(len(inputs), -1)
    engine = s3_host.S3(folder, folder / "s3", QUICK)
    found = engine.run(to_bytes(inputs).reshape(len(inputs), -1))
    np.testing.assert_array_equal(found, expected, f"seed {seed}")
    built = lower(network, "net", profile)
    own = {k.name.removeprefix("net_s3_").rstrip("0123456789") for k in built.kernels}
    if any(isinstance(unit, rows.Run) for unit in built.units):
        own.add("rows")
    names = (k.kernel.name.rstrip("0123456789") for k in built.portables)
    return own | {f"portable {name}" for name in names}
