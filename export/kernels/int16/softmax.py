"""SOFTMAX for int16."""

from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from export.arithmetic import int16
from export.kernels.arrays import Array, byte_array
from export.kernels.int16.wide import Wide


@dataclass(frozen=True, eq=False)
class Softmax(Wide):
    """Exponentials into the output, then each over their sum."""

    template: ClassVar[str] = "int16/softmax.c.jinja"
    kinds: ClassVar[tuple[str, ...]] = ("SOFTMAX",)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """Both functions."""
        functions = {"exps": "exp(10 * x)", "reciprocals": "1 / (1 + x)"}
        tables = {"exps": int16.EXPS, "reciprocals": int16.RECIPROCALS}
        return tuple(
            byte_array(
                f"{self.stem}_{name}",
                f"{self.name}: {functions[name]}, Q0.15",
                values,
                "int16_t",
            )
            for name, values in tables.items()
        )

    @property
    @override
    def headers(self) -> frozenset[str]:
        return frozenset({"nn_softmax16.h"})

    @property
    def scale(self) -> str:
        """C of what differences are multiplied by."""
        head = self.stage.head
        source = self.stage.network.tensors[head.inputs[0]]
        return ", ".join(map(str, int16.softmax_scale(head, source)))
