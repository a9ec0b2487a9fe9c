"""What the kernels of the int16 engine share: two bytes for each value."""

from dataclasses import dataclass
from typing import ClassVar

from export.kernels.int8.plain import Reader, elementwise_lags

VALUE_BYTES = 2


@dataclass(frozen=True, eq=False)
class Wide(Reader):
    """A stage of int16 values q, whose zero point is 0.

    A kernel that only says where elements go is that of the int8 engine too; this
    stands before it.
    """

    engine: ClassVar[str] = "int16"

    @property
    def out_bytes(self) -> int:
        """Of what it stores."""
        return VALUE_BYTES * self.stage.size

    def lags(self) -> tuple[int | None, ...]:
        """Those of the elements, in bytes."""
        return in_bytes(super().lags())

    def elementwise(self) -> tuple[int | None, ...]:
        """The lags of a kernel that goes element by element."""
        return in_bytes(elementwise_lags(self.stage))


def in_bytes(lags: tuple[int | None, ...]) -> tuple[int | None, ...]:
    """Lags in elements, in bytes."""
    return tuple(None if lag is None else VALUE_BYTES * lag for lag in lags)


def clamped(q: str, bounds: tuple[int, int]) -> str:
    """C of the int16 to store for any q."""
    return f"(int16_t)nn_clamp({q}, {bounds[0]}, {bounds[1]})"
