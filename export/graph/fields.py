"""What is read of the schema's objects: its own module has no types.

Each class names the fields of one kind of options, or of several that share them; a
test holds the names to the schema.
"""

from typing import Protocol


class Code(Protocol):
    """Which operator it is."""

    builtinCode: int
    deprecatedBuiltinCode: int  # of files from before the other
    customCode: bytes | None


class Nothing(Protocol):
    """Options of which nothing is read."""


class Fused(Protocol):
    """An activation behind the operator."""

    fusedActivationFunction: int


class Biased(Fused, Protocol):
    """Sums that may have a bias."""

    quantizedBiasType: int


class Strided(Fused, Protocol):
    """A window's steps."""

    strideH: int
    strideW: int
    padding: int


class Dilated(Strided, Protocol):
    """A window with gaps."""

    dilationHFactor: int
    dilationWFactor: int


class Convolved(Dilated, Biased, Protocol):
    """A convolution."""


class Pooled(Strided, Protocol):
    """A pool's window."""

    filterHeight: int
    filterWidth: int


class Reduced(Protocol):
    """A reduction over axes that are an input."""

    keepDims: bool


class Lying(Protocol):
    """Something along one axis."""

    axis: int


class Joined(Fused, Lying, Protocol):
    """Values behind each other."""


class Gathered(Lying, Protocol):
    """Parts picked along an axis."""

    batchDims: int


class Sliced(Protocol):
    """Bits for each axis."""

    beginMask: int
    endMask: int
    ellipsisMask: int
    newAxisMask: int
    shrinkAxisMask: int
    offset: bool


class Resized(Protocol):
    """Where the pixels of an image that is scaled lie."""

    alignCorners: bool
    halfPixelCenters: bool


class Mirrored(Protocol):
    """A border that mirrors."""

    mode: int


class Blocked(Protocol):
    """Blocks of pixels."""

    blockSize: int


class Multiplied(Protocol):
    """A product of matrices."""

    adjX: bool
    adjY: bool


class Called(Protocol):
    """A subgraph that runs once."""

    initSubgraphIndex: int


class Named(Protocol):
    """A variable."""

    container: bytes | None
    sharedName: bytes | None


class Recurrent(Fused, Protocol):
    """An LSTM."""

    cellClip: float


class Ranked(Fused, Protocol):
    """An SVDF."""

    rank: int


class Approximated(Protocol):
    """A GELU."""

    approximate: bool


class Scaled(Protocol):
    """A softmax."""

    beta: float


class Sloped(Protocol):
    """A leaky ReLU."""

    alpha: float
