"""What a kernel of this core is, and a call of it."""

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
