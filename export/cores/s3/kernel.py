"""What a kernel of this core is, and a call of it."""

from collections.abc import Callable
from dataclasses import dataclass

from export.kernels import kernel as portable


@dataclass(frozen=True)
class Kernel:
    """A function `void name(in, out, weights, scratch, constants)` in assembly."""

    name: str
    text: str
    weights: bytes  # read in the order in which they lie
    constants: bytes
    scratch: int  # bytes


RowMaker = Callable[[], Kernel | None]
Borrower = Callable[[bool, bool], Kernel | None]


@dataclass(frozen=True, eq=False)
class Portable:
    """A kernel of the portable engine; all it reads and writes is in scratch."""

    name: str
    kernel: portable.Kernel
    places: tuple[int, ...]  # in scratch: of each input, the output, its own scratch
    scratch: int  # bytes


@dataclass(frozen=True, eq=False)
class Call:
    """A kernel over values of the network."""

    kernel: Kernel | Portable
    inputs: tuple[int, ...]  # tensors
    output: int  # tensor
    stage: int
    start: int = 0  # bytes from the input's first pixel to where the kernel begins
    whole: bool = False  # the output's memory, not its first pixel
    lag: int | None = None  # bytes before its input that the output may start
    row: RowMaker | None = None  # the same for a row of output
    borrow: Borrower | None = None  # the same of the caller's own input, output
    steps: int = 1  # times that it is called

    @property
    def scratch(self) -> int:
        """Bytes."""
        return self.kernel.scratch

    @property
    def lags(self) -> dict[int, int]:
        """Bytes before each input that the output may start, where it may."""
        return {} if self.lag is None else dict.fromkeys(self.inputs, self.lag)

    @property
    def sizes(self) -> dict[int, int]:
        """Bytes of what is not kept whole: nothing."""
        return {}
