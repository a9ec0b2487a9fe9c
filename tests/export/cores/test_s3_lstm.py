"""An LSTM of the ESP32-S3: its kernel's text, run on this machine."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.pixels import to_bytes
from export.assembly import source
from export.cores.s3.component import assembly
from export.cores.s3.count import instructions
from export.cores.s3.kernel import Kernel
from export.cores.s3.lower import Engine, lower
from export.emit import s3_host
from export.graph.network import Network
from export.reference import int8 as reference
from tests.support.lstm import BEYOND, EACH, STEEP, TOLD, Drawn, edged
from tests.support.s3 import QUICK, assert_apart, assert_in_bounds, generated

MOST = 177_000  # instructions of TOLD; portable C of bytes takes 803,000, estimated
ANEW = [replace(one, anew=True) for one in (*EACH, STEEP)]


def own(engine: Engine, network: Network) -> bool:
    """Whether the layer's first call is in assembly."""
    stage = next(s for s in engine.stages if s.head.kind.endswith("LSTM"))
    first = next(call for call in engine.calls if call.stage == stage.number)
    return isinstance(first.kernel, Kernel)


@pytest.mark.parametrize("drawn", ANEW, ids=lambda one: str(one.seed))
def test_a_layer_gives_the_references_bits(drawn: Drawn, tmp_path: Path) -> None:
    network, profile = drawn.network(), ("balanced", "speed", "size")[drawn.seed % 3]
    generated(network, tmp_path, profile)
    engine = lower(network, "net", profile)
    assert own(engine, network)
    inputs = edged(network, 12, drawn.seed)
    host = s3_host.S3(tmp_path, tmp_path / "host", QUICK)
    shaped = inputs.reshape(-1, *network.tensors[network.inputs[0]].shape[1:])
    expected = reference.outputs(network, shaped).reshape(len(inputs), -1)
    assert np.array_equal(host.run(to_bytes(inputs)), expected)
    functions = source.parse(assembly(engine))
    counts = {f.name: instructions(f) for f in functions}
    counted = sum(c.steps * counts.get(c.kernel.name, 0) for c in engine.calls)
    assert host.instructions == counted


def test_a_scale_out_of_reach_is_left_to_portable_c() -> None:
    network = BEYOND.network()
    assert not own(lower(network, "net", "balanced"), network)


def test_a_layer_keeps_to_its_memory_and_its_budget(tmp_path: Path) -> None:
    network = TOLD.network()
    generated(network, tmp_path, "balanced")
    assert_apart(tmp_path)
    assert_in_bounds(tmp_path, tmp_path)
    host = s3_host.S3(tmp_path, tmp_path / "host", QUICK)
    host.run(to_bytes(edged(network, 3, 0)))
    assert host.instructions <= MOST
