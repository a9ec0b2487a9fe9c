"""What a kernel of this core is, and a call of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kernel:
    """A function `void name(in, out, weights, scratch, constants)`.

    In assembly; or, where `text` is empty, a portable one of `nn_strided.h` named
    `portable`, whose constants are C declarations.
    """

    name: str
    text: str
    weights: bytes  # read in the order in which they lie
    constants: bytes
    scratch: int  # bytes


@dataclass(frozen=True)
class Call:
    """A kernel over values of the network."""

    kernel: Kernel
    inputs: tuple[int, ...]  # tensors
    output: int  # tensor
    stage: int
    start: int = 0  # bytes from the input's first pixel to where the kernel begins
    whole: bool = False  # the output's memory, not its first pixel
    lag: int | None = None  # bytes before its input that the output may start
    c: str = ""  # a call of a portable kernel, with {in0}, {in1}, {out}, {scratch}
