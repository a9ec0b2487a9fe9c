"""Whose kernels a component holds, and how much memory each core's take."""

import re
from pathlib import Path

import pytest

from core.words import Cores
from export.analyze import analyze
from export.cores.s3 import partition
from export.cores.s3.lower import lower as lower_s3
from export.emit import component, lower
from export.emit.contents import Contents
from export.frontend.support import integer_core
from export.graph.read import read_tflite
from export.kernels import registry
from tests.support.components import IDENTITY
from tools.bench.drawn.networks import random_network

NETWORK = random_network(3)


@pytest.mark.parametrize(
    ("core", "files"),
    [
        ("all", {"net_int8_lx6_network.c", "net_int8_s3.S"}),
        ("lx6", {"net_int8_lx6_network.c"}),
        ("s3", {"net_int8_s3.S"}),
        ("portable", set()),
    ],
)
def test_a_component_holds_the_kernels_that_are_asked_for(
    core: Cores, files: set[str], tmp_path: Path
) -> None:
    network = integer_core(read_tflite(NETWORK, "net"))
    place = (network, None, tmp_path, "speed", "net", IDENTITY, "net")
    component.publish(*place, Contents(core))
    names = {path.name for path in (tmp_path / "src").iterdir()}
    assert "net_int8_network.c" in names
    own = {"net_int8_lx6_network.c", "net_int8_s3.S"}
    assert names & own == files
    header = (tmp_path / "src" / "net_model.h").read_text()
    arenas = re.findall(r"#define NET_INT8_ARENA_BYTES (\d+)u", header)
    assert len(arenas) == 1 + len(files)


def test_memory_is_told_for_every_core() -> None:
    network = integer_core(read_tflite(NETWORK, "net"))
    portable = lower.int8(network, "balanced", "net").arena
    assert {c.core: c.ram_bytes for c in analyze(NETWORK, "net").cores} == {
        "lx106": portable,
        "rv32imc": portable,
        "lx6": lower.int8(network, "balanced", "net", core=registry.LX6).arena,
        "s3": lower_s3(network, "net", "balanced").arena,
    }


def test_every_partition_is_found_once_in_order() -> None:
    alone = [(i, i) for i in range(4)]
    found = partition.every([*alone, (0, 1), (1, 2), (2, 3)], 4)
    assert found[0] == tuple(alone) and len(set(found)) == len(found) == 5
    assert ((0, 1), (2, 3)) in found
    for blocks in found:
        assert [i for a, b in blocks for i in range(a, b + 1)] == [0, 1, 2, 3]


def test_a_network_of_thousands_of_parts_is_partitioned() -> None:
    """An LSTM of 50 steps, written out, was deeper than Python's stack."""
    alone = [(i, i) for i in range(3_000)]
    assert len(partition.every([*alone, (7, 8)], len(alone))) == 2
