"""The C around blocks of instructions: a layer's function, its strips and loops.

    function(
        "NN_LAYER void f(const uint8_t *in, uint8_t *out)",
        strips("g", "top", 10, 4, lambda top: [f"sum({total(top, 3)}, out);"]),
    )
    # NN_LAYER void f(const uint8_t *in, uint8_t *out)
    # {
    #     /* The last step ends where all end: some are done twice. */
    #     for (int32_t g = 0; g < 10; g += 4) {
    #         const int32_t top = nn_min(g, 6);
    #
    #         sum(top + 3, out);
    #     }
    # }

clang-format lays it out; blocks of instructions are left as they are.
"""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

from export.kernels.c_text import half, total
from export.kernels.lx6.assembly import WIDTH, Block
from export.kernels.lx6.layer import Layer

Inner = Callable[[str], list[str]]  # C of a loop's body, given its index


def strips(counter: str, name: str, length: int, step: int, inner: Inner) -> list[str]:
    """All of `length` in steps of `step`; one step that does it all is no loop."""
    if length == step:
        return inner("0")
    if length % step == 0:
        return _loop(name, length, step, inner(name))
    start = f"const int32_t {name} = nn_min({counter}, {length - step});"
    why = "/* The last step ends where all end: some are done twice. */"
    return [why, *_loop(counter, length, step, [start, "", *inner(name)])]


def repeated(name: str, count: int, inner: Inner, step: int = 1) -> list[str]:
    """A loop, or its body where there is one turn."""
    if count == step:
        return inner("0")
    return _loop(name, count, step, inner(name))


def positions(
    layer: Layer, count: int, source: str, target: str, apart: tuple[int, int]
) -> list[str]:
    """The layer's sums at `count` positions beside each other.

    `apart` is how far they are from each other: words at `source`, bytes at `target`.
    """
    if count == 1:
        return [f"{layer.name}_sums({source}, {target});"]
    inner = [f"{layer.name}_sums(v, o);"]
    for name, step in zip("vo", apart, strict=True):
        inner.append(f"++{name};" if step == 1 else f"{name} += {step};")
    return [
        f"const uint32_t *v = {source};",
        f"{stored(layer)} *o = {target};",
        "",
        *_loop("x", count, 1, inner),
    ]


def _loop(name: str, end: int, step: int, inner: list[str]) -> list[str]:
    more = f"++{name}" if step == 1 else f"{name} += {step}"
    head = f"for (int32_t {name} = 0; {name} < {end}; {more}) {{"
    return [head, *inner, "}"]


def function(head: str, body: list[str]) -> str:
    """The C, indented by its braces; what is too long for a line is wrapped."""
    lines, depth = [], 0
    for line in [head, "{", *body, "}"]:
        depth -= line.startswith("}")
        margin = "    " * depth
        lines += textwrap.wrap(
            line,
            WIDTH - 1,
            initial_indent=margin,
            subsequent_indent=margin + " " * (line.find("(") + 1),
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
        depth += line.endswith("{")
    return "\n".join(lines)


def layer_function(layer: Layer, body: list[str], *more: str) -> str:
    """What the network calls; `lines` are words of its scratch.

    `more` declarations stand behind theirs.
    """
    head = (
        f"NN_LAYER void {layer.name}(const uint8_t *in, {stored(layer)} *out, "
        "void *scratch)"
    )
    own = ["uint32_t *const lines = (uint32_t *)scratch;", *more, ""]
    return function(head, [*own, *body]) + "\n"


def fetched(
    layer: Layer,
    helper: str,
    line: int,
    rows: tuple[str, int],
    columns: tuple[str | int, int],
    depth: bool = False,
) -> str:
    """C that gathers pixels as int16 into lines of `line` words.

    `rows` and `columns` are the first one, which may lie outside, and how many.
    """
    channels = f"{layer.in_c}, " if depth else ""
    return (
        f"{helper}(lines, {line}, in, {layer.in_h}, {layer.in_w}, {layer.pitch}, "
        f"{channels}{rows[0]}, {rows[1]}, {columns[0]}, {columns[1]}, {layer.fill});"
    )


@dataclass(frozen=True)
class RowsOfSums:
    """A layer that gathers some rows of pixels, then sums rows of positions."""

    layer: Layer
    length: int  # rows of positions, of which
    step: int  # so many are summed at a time,
    down: int  # each so many rows of pixels and outputs below the one before
    line: int  # words from what one row of them reads to what the next one does
    count: int  # positions of a row,
    apart: tuple[int, int]  # from each to the next: words that are read, outputs

    def function(self, gather: Inner) -> str:
        """The C; `gather` gets the first row of pixels."""

        def strip(top: str) -> list[str]:
            first = total((top, self.down), -self.layer.top)
            return [*gather(first), *repeated("y", self.step, lambda y: row(top, y))]

        def row(top: str, y: str) -> list[str]:
            source = total("lines", (y, self.line))
            target = total("out", (total(top, y), self.layer.out_pitch))
            return positions(self.layer, self.count, source, target, self.apart)

        return layer_function(
            self.layer, strips("g", "top", self.length, self.step, strip)
        )


def sums_head(layer: Layer, source: str, kind: str = "NN_INLINE") -> str:
    """Of the function that sums for all channels of a position, or of some."""
    return (
        f"{kind} void {layer.name}_sums(const uint32_t *{source}, {stored(layer)} *out)"
    )


def place(layer: Layer, y: str, x: str) -> str:
    """C of where the sums at (y, x) are stored, of one of 2x2 where a pool is."""
    if layer.pool:
        y, x = half(y), half(x)
    return total("out", (y, layer.out_pitch), (x, layer.out_c))


def stored(layer: Layer) -> str:
    """C's type of an output."""
    return "int8_t" if layer.last else "uint8_t"


def block_function(
    layer: Layer,
    head: str,
    inout: dict[str, str],
    out: tuple[str, ...],
    block: Block,
    into: dict[str, str] | None = None,
) -> str:
    """A function of one block of instructions.

    `inout` and `into` are its registers and what they hold before it, `out` those
    that it writes; where the layer has a table, t points to the middle of it.
    """
    given = dict(into or {})
    if layer.table is not None:
        given = {"t": f"(uintptr_t)({layer.name}_table + 128)", **given}
    return instructions(head, inout, out, given, block)


def instructions(
    head: str,
    inout: dict[str, str],
    out: tuple[str, ...],
    given: dict[str, str],
    block: Block,
) -> str:
    """The same of no layer: `given` are all the registers that are only read."""
    lines = [
        *(f"    uintptr_t {name} = {value};" for name, value in inout.items()),
        f"    uintptr_t {', '.join(out)};",
        *(f"    const uintptr_t {name} = {value};" for name, value in given.items()),
    ]
    statement = block.statement(tuple(inout), out, tuple(given), 4)
    return "\n".join([head, "{", *lines, "", *statement, "}"])
