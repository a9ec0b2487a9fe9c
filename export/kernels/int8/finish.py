"""How the int8 engine turns a sum into the byte that it stores.

A requantisation that `export.arithmetic.requant_stage` has proved, then the table of
the activations behind it, written in C.
"""

from dataclasses import dataclass, replace

import numpy as np

from export.arithmetic import requant_stage
from export.arithmetic.requant import Requant
from export.graph.stage import Stage
from export.kernels.arrays import Array, byte_array, text_array
from export.kernels.c_text import total
from export.kernels.kernel import Options
from export.plan.cost import Work

FORMS = ("single", "split", "signed", "checked", "triple", "wide")
C_TYPES = {form: f"nn_{form}_t" for form in FORMS}


@dataclass(frozen=True, eq=False)
class Finish:
    """From a sum to the stored byte."""

    requant: Requant
    stem: str  # of the names of its constants
    last: bool  # whether the byte is the network's output: int8, not u = q + 128
    table: np.ndarray | None = None  # of the activations behind it, or one a channel
    start: int | None = None  # where u = 0 is in a table that needs no clamp

    @classmethod
    def of(
        cls,
        stage: Stage,
        options: Options,
        stem: str,
        found: Requant,
        table: np.ndarray | None,
        scale: int = 1,
    ) -> "Finish":
        """That of a weighted sum, which comes times `scale`."""
        plain = cls(found, stem, stage.is_output, table)
        if not options.wide_tables:
            return plain
        wide = requant_stage.unclamped(found, stage.flat_weights(), scale, table)
        return replace(plain, table=wide[0], start=wide[1]) if wide else plain

    @property
    def out_type(self) -> str:
        """Of the stored byte."""
        return "int8_t" if self.last else "uint8_t"

    @property
    def by_channel(self) -> bool:
        """Whether each channel has a table of its own."""
        return self.table is not None and self.table.ndim > 1

    @property
    def channels(self) -> str:
        """Name of the constants of each channel."""
        return f"{self.stem}_channels"

    @property
    def channel_type(self) -> str:
        """Of the constants of a channel."""
        return C_TYPES[self.requant.form]

    @property
    def biased(self) -> bool:
        """Whether the bias is added to the sum; else it is in the offset."""
        return self.requant.form != "single"

    @property
    def notes(self) -> bool:
        """Whether sums that fill the registers are looked at again later."""
        return self.requant.form == "checked"

    @property
    def noted(self) -> str:
        """C of u, from `sum` and `k`, with a note for `o` where it is in doubt."""
        found = self.requant
        bits = f"{found.low_bits}, {found.shift}, {found.doubt}"
        return f"nn_noted(sum, k, {bits}, o, notes)"

    def put(self, name: str, place: str, acc: str, k: str) -> str:
        """C that stores the byte of a sum."""
        if self.notes:
            return f"{name}_put(&{place}, {acc}, {k}, &note);"
        return f"{place} = {name}_byte({acc}, {k});"

    @property
    def clamps(self) -> bool:
        """Whether u is clamped before it is stored or looked up."""
        return self.start is None

    @property
    def unit(self) -> str:
        """C of u, from `sum` and `k`."""
        return self.unit_of("sum", "k")

    @property
    def byte(self) -> str:
        """C of the byte, from `u`."""
        return self.byte_of("u")

    def unit_of(self, acc: str, k: str) -> str:
        """C of u from a sum that holds the bias, as far as the form has one."""
        found = self.requant
        if found.drop:
            acc = f"({acc}) >> {found.drop}"
        if found.form == "single":
            return f"nn_single({acc}, {k}, {found.shift})"
        if found.form == "wide":
            return total(f"nn_wide({acc}, {k})", found.zero)
        bits = f"{found.low_bits}, {found.shift}"
        if found.form == "split":
            return f"nn_split({acc}, {k}, {bits})"
        if found.form == "checked":
            rest = f"{found.doubt}, {found.power}, {found.zero}"
            return f"nn_checked({acc}, {k}, {bits}, {rest})"
        return f"nn_{found.form}({acc}, {k}, {bits}, {self._centre()[0]})"

    def byte_of(self, u: str) -> str:
        """C of the byte from u, and from `k` where channels have their own table."""
        name = None if self.table is None else f"{self.stem}_table"
        if self.start is None:
            clamped = f"nn_clamp({u}, {self.requant.low}, {self.requant.high})"
            if self.by_channel:
                clamped = f"(k - {self.channels}) * 256 + {clamped}"
            return stored(clamped, name, self.last)
        start = self._centre()[1]
        return stored(total(u, start), name, self.last)

    def _centre(self) -> tuple[int, int]:
        """(K, where u = 0 is in the table): one sum takes both where int32 holds it."""
        found, start = self.requant, self.start or 0
        if not found.signed:
            return 0, start
        length = 0 if self.table is None else len(self.table)
        if start and (length + 1) << found.shift < 1 << 31:
            return found.centre + (start << found.shift), 0
        return found.centre, start

    def work(self, groups: int, size: int) -> Work:
        """Of `groups` of outputs of one channel, whose constants are loaded once."""
        found, count = self.requant, groups * size
        usual = (found.low, found.high) == (0, 255)
        return {
            "output": count,
            "clamped": count if self.clamps and usual else 0,
            "bounded": count if self.clamps and not usual else 0,
            "looked up": 0 if self.table is None else count,
            "constants": groups,
            "signed": count if found.form == "signed" else 0,
            "checked": count if found.form == "checked" else 0,
            "triple": count if found.form == "triple" else 0,
            "wide": count if found.form == "wide" else 0,
        }

    def arrays(self, stage: Stage) -> tuple[Array, ...]:
        """The constants of the channels and, if any, the table."""
        channels = channel_array(
            self.channels, f"{stage.name}: per channel", self.requant
        )
        if self.table is None:
            return (channels,)
        return (channels, table_array(stage, self.stem, self.table))


def table_array(stage: Stage, stem: str, values: np.ndarray) -> Array:
    """The table of a stage's activations."""
    what = ", ".join(op.shown for op in stage.tabled)
    return byte_array(f"{stem}_table", f"{stage.name}: {what}", values, "uint8_t")


def channel_array(name: str, comment: str, found: Requant) -> Array:
    """The constants of a requantisation as an array of structures."""
    rows = []
    for c in found.channels:
        high, middle, low = found.parts(c.multiplier)
        parts = {
            "single": [c.multiplier, c.offset],
            "split": [high, low, c.offset, c.bias],
            "signed": [high, low, c.offset, c.negative, c.bias],
            "checked": [high, low, c.offset, c.bias, c.moved, c.mantissa, c.shift],
            "triple": [high, middle, low, c.offset, c.negative, c.bias],
            "wide": [c.multiplier, c.shift, c.bias],
        }[found.form]
        rows.append("{" + ", ".join(map(str, parts)) + "}")
    size = 4 * len(rows) * (rows[0].count(",") + 1)
    per_line = 2 if max(map(len, rows)) < 37 else 1  # in 80 columns
    return text_array(name, C_TYPES[found.form], comment, rows, per_line, size)


def stored(u: str, table_name: str | None, last: bool) -> str:
    """C of the byte to store for a u in 0..255: its table's entry, as q at the end."""
    if table_name:
        u = f"{table_name}[{u}]"
    return f"(int8_t)({u} - 128)" if last else f"(uint8_t)({u})"
