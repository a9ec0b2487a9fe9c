"""The ESP32-S3's engine of drawn networks against the reference.

ESP8K_NETWORKS=1000 .venv/bin/python -m pytest tests/export/cores/test_s3_random.py
"""

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from core.pixels import to_bytes
from core.words import PROFILES
from export.cores.s3 import rows
from export.cores.s3.arena import TAIL
from export.cores.s3.layout import WORD
from export.cores.s3.lower import lower
from export.emit import s3_host
from export.frontend.support import integer_core, require_supported
from export.graph.read import read_tflite
from export.reference import int8
from tests.support.s3 import QUICK, assert_apart, assert_in_bounds, generated
from tools.bench.drawn.networks import Generator, random_inputs, random_network
from tools.bench.drawn.typical import typical_network

NETWORKS = int(os.environ.get("ESP8K_NETWORKS", 84))  # 84 in CI, 1000 for a night
FEW = 12  # of them in the fast suite
# Random networks that begin with what no photograph is.
POOL_OF_IMAGE = 967  # of eight bytes a row: every other one begins inside a vector
DEEP_IMAGE = 978  # of more channels than a load's offset reaches
UNEVEN_ROWS = 0  # a typical one: 22 pixels of three bytes
WRAPPED_ROWS = 149  # the last pixels of a row lie where the next one's border begins


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
    engine = lower(typical_network(UNEVEN_ROWS), "net", "balanced")
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
