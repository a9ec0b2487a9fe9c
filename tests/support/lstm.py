"""Networks of one LSTM of a given size, its constants drawn."""

from dataclasses import dataclass, replace

import numpy as np

from export.emit.golden import joined, random_values
from export.frontend.support import core_of
from export.graph.network import Network
from export.graph.read import read_tflite
from tools.bench.drawn.tflite_builder import TfliteBuilder


@dataclass(frozen=True)
class Drawn:
    """One layer, and what follows it."""

    seed: int
    steps: int
    depth: int
    units: int
    anew: bool = True  # each call begins with an empty state
    hidden: tuple[float, int] = (2.0**-7, 0)  # scale, zero point
    cell: int = -12  # power of two
    clip: float = 0.0
    steep: float = 1.0  # what the gates' sums are multiplied by
    behind: str = ""  # RELU: a table; last: a dense layer that reads what follows

    def network(self) -> Network:
        """Its core."""
        b, rng = TfliteBuilder(), np.random.default_rng(self.seed)
        scale, zero = self.hidden
        x = start = b.tensor((1, self.steps, self.depth), 2.0**-6, 3)
        state = b.tensor((1, self.units), scale, zero, variable=True)
        power = 2.0**self.cell
        cell = b.tensor((1, self.units), power, 0, None, "int16", variable=True)

        def gates(depth: int, source: float) -> list[int]:
            data = rng.integers(-127, 128, (4, self.units, depth))
            wide = 2.0**-5 * rng.uniform(0.5, 4, 4) * self.steep / depth**0.5
            return [
                b.tensor(one.shape, float(w * 2.0**-6 / source), 0, one)
                for one, w in zip(data, wide, strict=True)
            ]

        own, again = gates(self.depth, 2.0**-6), gates(self.units, scale)
        bias = rng.integers(-(1 << 11), 1 << 11, (4, self.units))
        shape = (1, self.steps, self.units)
        y = b.tensor(shape, scale, zero)
        inputs = [x, *own, *again, *[-1] * 3]
        inputs += [b.tensor((self.units,), None, 0, one, "int32") for one in bias]
        inputs += [-1, -1, state, cell, *[-1] * 4]
        b.operator(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            inputs,
            y,
            fusedActivationFunction=4,  # TANH
            cellClip=self.clip,
            timeMajor=False,
        )
        if self.behind:
            z = b.tensor(shape, scale, zero)
            b.operator(self.behind, [y], z)
            y = z
        read = read_tflite(b.build([start], [y]), "net")
        return core_of(replace(read, anew=self.anew))[0]


EACH = (
    Drawn(1, 7, 5, 3),
    Drawn(2, 3, 8, 32, hidden=(0.0071, -13), cell=-11),
    Drawn(3, 9, 1, 1, cell=-15),
    Drawn(4, 4, 21, 10, anew=False, hidden=(2.0**-7, 127), steep=8),
    Drawn(5, 6, 6, 9, hidden=(0.0033, -128), cell=-9, clip=2.5, steep=30),
    Drawn(6, 5, 120, 33, cell=-14, steep=5),
    Drawn(7, 1, 2, 70, anew=False, cell=-13, clip=1.0),
    Drawn(8, 8, 16, 16, behind="RELU", steep=3),
    Drawn(9, 2, 300, 5, behind="RELU", hidden=(0.0078, 9)),
)
TOLD = Drawn(10, 20, 8, 32)  # of the size that docs/models.md tells of
STEEP = Drawn(11, 2, 8, 3, steep=8)  # scales above one: most gates are at an end
BEYOND = Drawn(11, 2, 8, 3, steep=3_000)  # out of MULSH's reach


def edged(network: Network, count: int, seed: int) -> np.ndarray:
    """Inputs (N, values), some of them of ends alone."""
    drawn = joined(random_values(network, count, seed)).reshape(count, -1)
    rng = np.random.default_rng(seed)
    drawn[0], drawn[1] = -128, 127
    drawn[2] = rng.choice([-128, 127], drawn[2].shape)
    return drawn
