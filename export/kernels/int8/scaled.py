"""One requantisation for a whole stage, as MEAN and MUL have it."""

from dataclasses import dataclass

from typing_extensions import override

from export.arithmetic.requant import Requant
from export.kernels.arrays import Array
from export.kernels.int8.finish import Finish, channel_array
from export.kernels.int8.plain import Plain


@dataclass(frozen=True, eq=False)
class Scaled(Plain):
    """A stage without weights whose sum is requantised."""

    found: Requant

    @property
    @override
    def requant(self) -> Requant | None:
        return self.found

    @property
    def scale_name(self) -> str:
        """Of the requantisation's constants."""
        return f"{self.stem}_scale"

    @property
    def scale_array(self) -> Array:
        """The requantisation's constants."""
        what = f"{self.stage.name}: requantisation"
        return channel_array(self.scale_name, what, self.found)

    def scaled(self, acc: str) -> str:
        """C of the byte to store for a sum without its bias."""
        finish = Finish(self.found, self.stem, self.stage.is_output, self.table)
        if finish.biased:
            acc = f"{acc} + {self.scale_name}->bias"
        return finish.byte_of(finish.unit_of(acc, self.scale_name))
