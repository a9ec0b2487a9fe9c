"""Lines of C that run a chain of int8 stages row by row (`export.plan.row_chain`)."""

from collections.abc import Callable
from dataclasses import dataclass

from export.emit.calls import Calls, folded, indented
from export.graph.stage import Stage
from export.kernels.c_text import total
from export.kernels.int8.row_step import RowStep
from export.plan.row_chain import Chain, Node, Read, Rows, head_rows

Place = Callable[[int], str]  # C of a row, by its number in the step


@dataclass(frozen=True)
class RowCalls:
    """The variables in scope are those of `Calls`."""

    calls: Calls
    chain: Chain
    kernels: tuple[RowStep, ...]  # of the chain's stages

    def lines(self) -> list[str]:
        """Of the nodes that can run the last one does."""
        found = [self._declared(rows) for rows in self.chain.kept.values()]
        found += [f"int32_t {self._at(node)} = 0;" for node in self.chain.nodes]
        *others, last = self.chain.nodes
        found += ["", f"while ({self._at(last)} < {last.steps}) {{"]
        turn = "if"
        for node in (last, *reversed(others)):
            ready = self._ready(node)
            if node is not last:
                ready.insert(0, f"{self._at(node)} < {node.steps}")
            head = f"{turn} ({' && '.join(ready)}) {{"
            found += indented([head, *indented(self._step(node))])
            turn = "} else if"
            kept = self.chain.kept.get(node.output)
            if kept is not None and kept.bottom:
                found += indented(self._border(node, kept))
        return folded([*found, "    }", "}"])

    def _border(self, node: Node, kept: Rows) -> list[str]:
        """The rows below an image, once it is there and its readers want them."""
        rows, end = self._rows(kept.tensor), kept.top + node.rows * node.steps
        place, size = self._next(kept, kept.bottom), kept.bottom * kept.width
        return [
            f"}} else if ({rows}.made == {end}) {{",
            f"    nn_words_fill({place}, {kept.fill}, {size});",
        ]

    def _ready(self, node: Node) -> list[str]:
        """What has to be true before a step of what reads kept rows."""
        return [
            f"{self._rows(read.tensor)}.made >= "
            + total((self._at(node), read.advance), read.start + read.need)
            for read in node.reads
        ]

    # ==== Names ====

    def _stage(self, number: int) -> Stage:
        return self.calls.stages[number]

    def _at(self, node: Node) -> str:
        return f"at_{self._stage(node.members[-1]).name}"

    def _rows(self, tensor: int) -> str:
        return f"rows_{self._stage(self.chain.kept[tensor].writer).name}"

    def _declared(self, rows: Rows) -> str:
        place = self.calls.place(self.calls.memory.offsets[rows.tensor])
        sizes = f"{rows.width}, {rows.room}, {rows.top}, {rows.fill}"
        return f"nn_rows_t {self._rows(rows.tensor)} = nn_rows({place}, {sizes});"

    # ==== A step ====

    def _step(self, node: Node) -> list[str]:
        at, stage = self._at(node), self._stage(node.members[-1])
        kept = self.chain.kept.get(node.output)
        if kept is None:
            pitch = stage.width
            place = total(self.calls.target(stage), (at, node.rows * pitch))
        else:
            pitch, next_rows = kept.width, self._next(kept, node.rows)
            place = total(next_rows, kept.left)
        found = [f"uint8_t *const to_{stage.name} = {place};"]
        to = f"to_{stage.name}"
        for number in node.members:
            passes = self.chain.passes(node, self.calls.stages)
            if passes and number != node.members[-1]:
                found += self._made(node, number, self._passing(number), 0)
            else:
                found += self._made(node, number, to, pitch)
        found.append(f"++{at};")
        return found

    def _passing(self, number: int) -> str:
        """Where a row is that the next stage takes at once."""
        node = self.chain.node(number)
        room = max(self.kernels[member].scratch for member in node.members)
        return total(self.calls.scratch_of(self._stage(number)), -(-room // 4) * 4)

    def _next(self, kept: Rows, count: int) -> str:
        wanted = ""
        for node, read in self.chain.readers(kept.tensor):
            one = total((self._at(node), read.advance), read.start)
            wanted = f"nn_min({wanted}, {one})" if wanted else one
        return (
            f"nn_rows_next(&{self._rows(kept.tensor)}, {count}, {kept.room}, {wanted})"
        )

    def _made(self, node: Node, number: int, to: str, pitch: int) -> list[str]:
        """The call of one stage, a row at a time where it is a sum."""
        stage, kernel = self._stage(number), self.kernels[number]
        sums, row = stage.head.kind == "ADD", stage.width
        target = total(to, ("r", pitch)) if sums and node.rows > 1 else to
        call: list[str] = []
        before: list[str] = []
        for source in stage.sources:
            read = next((r for r in node.reads if r.tensor == source.tensor), None)
            if read is not None:
                call.append(self._read(node, read, sums and node.rows > 1))
            elif source.tensor in self.calls.held or number == 0:
                text, before = self._first(stage, kernel, node)
                call.append(text)
            elif self.chain.passes(node, self.calls.stages):
                call.append(self._passing(node.members[0]))
            else:  # what was just written
                call.append(target)
        call.append(target)
        if kernel.inner.scratch:
            call.append(self.calls.scratch_of(stage))
        lines = [f"{stage.name}({', '.join(call)});"]
        if sums and node.rows > 1:
            head = f"for (int32_t r = 0; r < {node.rows}; ++r) {{"
            lines = [head, *indented(lines), "}"]
        return [*before, *lines, *self._hooked(stage, node, to, pitch, row)]

    def _read(self, node: Node, read: Read, looped: bool) -> str:
        """C of where a step reads."""
        row = total((self._at(node), read.advance), read.start, "r" if looped else 0)
        found = f"nn_rows_row(&{self._rows(read.tensor)}, {row})"
        return total(found, read.column)

    def _first(
        self, stage: Stage, kernel: RowStep, node: Node
    ) -> tuple[str, list[str]]:
        """What is not kept in rows: read where it lies, or through a line buffer."""
        source, at = self.calls.source(stage.sources[0]), self._at(node)
        buffer = kernel.line_buffer
        if buffer is None:
            step = head_rows(stage, node.rows) * stage.geometry.stride_h
            step *= stage.sources[0].pitch
            return total(source, (at, step)), []
        lines = total(self.calls.scratch_of(stage), kernel.inner_bytes)
        numbers = f"{buffer.in_h}, {buffer.in_pitch}"
        top = total((at, buffer.step), -buffer.top)
        sizes = f"{buffer.rows}, {buffer.step}, {buffer.width}, {buffer.left}"
        rest = f"{buffer.copied}, {buffer.fill}, 1"
        fill = f"nn_line_buffer({lines}, {source}, {numbers}, {top}, {sizes}, {rest});"
        return lines, [fill]

    def _hooked(
        self, stage: Stage, node: Node, to: str, pitch: int, row: int
    ) -> list[str]:
        if node.rows == 1 or pitch == row:
            return self.calls.hook(stage, to, node.rows * row)
        place = total(to, ("r", pitch))
        return [
            "if (hook) {",
            f"    for (int32_t r = 0; r < {node.rows}; ++r) {{",
            f"        hook(context, {stage.number}, {place}, {row});",
            "    }",
            "}",
        ]
