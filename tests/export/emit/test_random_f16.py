"""Random float16 networks: the generated C against the reference, to the bit.

ESP8K_NETWORKS=1000 .venv/bin/python -m pytest tests/export/emit/test_random_f16.py

Each network is compiled one way: a level of optimisation, with or without an FPU's
instructions, with undefined operations reported. What the networks have to reach is
asserted, so that a generator of networks that no longer draws something fails.
"""

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import Esp8kError
from export.arithmetic import float16_scales
from export.arithmetic.float16 import roundings
from export.emit import generate
from export.graph.attributes import Attributes
from export.graph.fusion import plan_stages
from export.graph.kinds import MAC_KINDS
from export.graph.network import Network
from export.plan import row_buffers
from export.reference import float16
from export.reference.stages import stage_outputs
from tests.support.components import IDENTITY
from tests.support.native import Native
from tests.support.random_f16 import random_f16, random_pixels, twin

NETWORKS = int(os.environ.get("ESP8K_NETWORKS", 30))
LEVELS = ("-O2", "-O0", "-O3", "-O1", "-Os")
WAYS = ((), ("-DNN_SOFT_FLOAT=1",), ("-DNN_LX6_MODEL",))
REACHED = {
    *("a pool row by row", "a pool as a whole", "a pool in a convolution"),
    *("a row of padding above", "a row of padding below", "a pool behind a pool"),
    *("an activation behind a pool", "an activation before a pool"),
    *("nothing rounded before a pool", "a pool at the end", "tiny values that go"),
    "a pool that keeps the largest of two rows",
    *("inputs that are too large", "weights that need an addition"),
    *("pixels that are too large", "rows that turn"),
    *("2 rows a call", "a last window in a turn of its own"),
}


def test_generated_c_of_random_networks_equals_the_reference(tmp_path: Path) -> None:
    reached: Counter[str] = Counter()
    for seed in range(NETWORKS):
        options = (LEVELS[seed % len(LEVELS)], *WAYS[seed // len(LEVELS) % len(WAYS)])
        reached.update(check(seed, options, tmp_path / str(seed)))
    assert not REACHED - reached.keys(), "the generator must reach all of it"


def check(seed: int, options: tuple[str, ...], folder: Path) -> set[str]:
    """Hold one network's C to the reference; what the network has."""
    network = random_f16(seed)
    images = random_pixels(network, seed, 4)
    profile = ("speed", "size", "balanced")[seed % 3]
    expected = float16.outputs(network, images)
    generate.generate(twin(network), network, folder, profile, "net", IDENTITY)
    trap = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
    native = Native(folder, folder / "native", options=(*options, *trap))
    found = native.run("f16", images)
    label = f"seed {seed}, {options}"
    assert np.array_equal(found.view(np.uint32), expected.view(np.uint32)), label
    for image in images[-2:]:
        wanted = stage_outputs(native.plan, network, image)
        for got, want in zip(native.trace("f16", image), wanted, strict=True):
            assert np.array_equal(got.view(np.uint32), want.view(np.uint32)), label
    arena = native.plan.f16_arena_bytes
    assert native.touched("f16", images[-1]) <= arena, label
    return features(
        network, (folder / "src" / "net_f16_network.c").read_text(), profile
    )


def features(network: Network, source: str, profile: str) -> set[str]:
    """Which of the ways of pooling a network has."""
    stages = plan_stages(network)
    rounding = roundings(stages)
    buffers = row_buffers.plan(stages, profile != "size")
    found = {f"{rows} rows a call" for rows in buffers.rows}
    found |= {"a last window in a turn of its own" for x in buffers.links if x.late}
    for before, stage in zip(stages, stages[1:], strict=False):
        if stage.head.kind != "MAX_POOL_2D":
            continue
        whole = stage.number >= len(buffers)
        found.add("a pool as a whole" if whole else "a pool row by row")
        if stage.number < len(buffers) and row_buffers.merges(stage):
            found.add("a pool that keeps the largest of two rows")
        if before.unary:
            found.add("an activation before a pool")
        if stage.unary:
            found.add("an activation behind a pool")
        if before.head.kind == "MAX_POOL_2D":
            found.add("a pool behind a pool")
        if rounding[before.number] == "none":
            found.add("nothing rounded before a pool")
        if stage is stages[-1]:
            found.add("a pool at the end")
    scaled = float16_scales.plan(stages).weights.keys()
    heads = {s.number for s in stages[1:] if s.head.kind in MAC_KINDS}
    found |= {"inputs that are too large" for _ in heads & scaled}
    found |= {"weights that need an addition" for _ in heads - scaled}
    signs = {
        "pixels that are too large": "nn_scaled(nn_half_finite(",
        "rows that turn": "nn_turn(",
        "a row of padding above": "nn_fill(rows_",
        "a row of padding below": "(rows < ",
        "a pool in a convolution": "_2D, MAX_POOL_2D",
        "tiny values that go": "nn_round_flush(",
    }
    return found | {name for name, sign in signs.items() if sign in source}


@pytest.mark.parametrize("kind", ["ADD", "AVERAGE_POOL_2D"])
def test_an_operator_without_a_float16_kernel_is_named(
    kind: str, tmp_path: Path
) -> None:
    network = random_f16(0)
    *operators, last = network.operators
    other = replace(last, kind=kind, attributes=Attributes())
    broken = replace(network, operators=(*operators, other))
    with pytest.raises(Esp8kError, match=kind):
        generate.generate(twin(network), broken, tmp_path, "speed", "net", IDENTITY)
    assert not any(tmp_path.iterdir())
