"""Golden vectors: inputs over all of a network's range, and what the oracles give."""

from typing import Any

import numpy as np

from core.pixels import to_bytes
from export.arithmetic.int8 import LIMITS
from export.graph.network import Network
from export.reference import float16, int8

GOLDEN_BYTES = 16_384  # of inputs in the golden header, at most four vectors


def random_inputs(network: Network, count: int, seed: int) -> np.ndarray:
    """Values of the first input (count, ...); the first one is a ramp."""
    return random_values(network, count, seed)[0]


def random_values(network: Network, count: int, seed: int) -> list[np.ndarray]:
    """int8 or int16 values of each input, (count, ...); the first ones are ramps.

    Every second one of int16 is small, in another measure each: sums of large ones are
    often beyond what an output holds.
    """
    rng = np.random.default_rng(seed)
    found = []
    least, most = LIMITS[network.engine]
    step = (most - least) // 255  # of the ramp, which has 256 values
    for index in network.inputs:
        shape = network.tensors[index].shape[1:]
        values = rng.integers(least, most + 1, (count, *shape))
        values[0] = (np.arange(values[0].size) % 256 * step + least).reshape(shape)
        if network.engine == "int16":
            for number, small in enumerate(values[1::2]):
                small >>= 2 + number % 12
        found.append(values.astype(network.engine))
    return found


def as_taken(network: Network, values: list[np.ndarray]) -> np.ndarray:
    """Inputs as the C takes them, (N, elements): bytes u = q + 128, or int16."""
    q = joined(values)
    return to_bytes(q) if network.engine == "int8" else q


def joined(values: list[np.ndarray]) -> np.ndarray:
    """Several inputs or outputs as they lie in memory, (N, elements)."""
    return np.concatenate([v.reshape(len(v), -1) for v in values], 1)


def _bits(values: np.ndarray) -> list[list[str]]:
    """float32 (N, ...) as the literals of their bits."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return [[f"0x{bit:08X}u" for bit in row] for row in bits.reshape(len(bits), -1)]


def vectors(networks: dict[str, Network]) -> dict[str, Any]:
    """What the golden header holds, by engine; the first one takes integers."""
    engine, *_ = networks
    network = networks[engine]
    size = sum(network.tensors[i].bytes for i in network.inputs)
    inputs = random_values(network, max(1, min(4, GOLDEN_BYTES // size)), 0)
    taken = as_taken(network, inputs)
    outputs = {engine: joined(int8.sequence(network, inputs)).tolist()}
    if "f16" in networks:
        outputs["f16"] = _bits(float16.outputs(networks["f16"], taken))
    return {"inputs": taken.tolist(), "outputs": outputs, "vectors": len(taken)}
