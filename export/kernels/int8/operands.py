"""The two operands of ADD and MUL: computed or constant, perhaps broadcast."""

from dataclasses import dataclass

from export.graph.geometry import Shape, hwc
from export.graph.network import Tensor
from export.graph.stage import Stage
from export.kernels.arrays import Array, value_array
from export.kernels.c_text import total

SHORT = 256  # elements of a constant that is stored as words


@dataclass(frozen=True, eq=False)
class Operand:
    """One of the two."""

    tensor: Tensor
    name: str  # of the C array that holds it
    shape: Shape
    pitch: int  # elements from one row to the next

    def at(self, y: str, x: str) -> str:
        """C of its index at y, x and c; it stands still along an axis of 1."""
        height, width, channels = self.shape
        row = (y, self.pitch if height > 1 else 0)
        column = (x, channels if width > 1 else 0)
        return total(row, column, "c" if channels > 1 else 0)


@dataclass(frozen=True, eq=False)
class Operands:
    """What is added or multiplied."""

    both: tuple[Operand, Operand]
    arrays: tuple[Array, ...]  # the constant ones

    @property
    def tensors(self) -> tuple[Tensor, Tensor]:
        """In the graph's order."""
        first, second = self.both
        return first.tensor, second.tensor

    def texts(self, y: str, x: str) -> tuple[str, str]:
        """C of each, at y, x and c."""
        first, second = (f"{one.name}[{one.at(y, x)}]" for one in self.both)
        return first, second


def operands(stage: Stage, stem: str) -> Operands:
    """Those of a stage's head."""
    found, arrays, computed = [], [], 0
    for index, letter in zip(stage.head.inputs[:2], "ab", strict=True):
        tensor = stage.network.tensors[index]
        shape = hwc(tensor.shape)
        if tensor.data is None:
            pitch = stage.sources[computed].pitch
            found.append(Operand(tensor, f"in{computed}", shape, pitch))
            computed += 1
            continue
        name, what = f"{stem}_{letter}", f"{stage.name}: operand {letter}"
        arrays.append(value_array(name, what, tensor.data))
        found.append(Operand(tensor, name, shape, shape[1] * shape[2]))
    return Operands((found[0], found[1]), tuple(arrays))
