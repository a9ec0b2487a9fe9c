"""A kernel that calls another one's function, for a part of its stage at a time."""

from dataclasses import dataclass
from typing import ClassVar

from export.arithmetic.requant import Requant
from export.kernels.arrays import Array
from export.kernels.kernel import Kernel
from export.plan.units import round_up


@dataclass(frozen=True, eq=False)
class Wrapped(Kernel):
    """Constants, method and requantisation are the other's."""

    engine: ClassVar[str] = "int8"

    inner: Kernel  # what makes a part

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Those of what makes a part."""
        return self.inner.arrays

    @property
    def constant_bytes(self) -> int:
        """Its own, and what the other writes beside its code, too."""
        own = {array.name: array.size for array in self.arrays}
        for array in self.inner.arrays:
            own.pop(array.name, None)
        return sum(own.values()) + self.inner.constant_bytes

    @property
    def method(self) -> str:
        """That of what makes a part."""
        return self.inner.method

    @property
    def requant(self) -> Requant | None:
        """That of what makes a part."""
        return self.inner.requant

    @property
    def inner_bytes(self) -> int:
        """What the maker of a part works in, whole words."""
        return round_up(self.inner.scratch, 4)
