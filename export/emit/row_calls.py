"""How a chain of the portable int8 engine runs row by row (`export.plan.row_chain`)."""

from dataclasses import dataclass

from export.emit.calls import Calls
from export.graph.stage import Stage
from export.kernels.c_text import indented, total, wrapped
from export.kernels.int8.row_step import RowStep
from export.kernels.row_loop import RowLoop
from export.plan.row_chain import Chain, Node, head_rows
from export.plan.units import round_up


@dataclass(frozen=True)
class RowCalls(RowLoop):
    """The variables in scope are those of `Calls`."""

    calls: Calls
    chain: Chain
    kernels: tuple[RowStep, ...]  # of the chain's stages

    def lines(self) -> list[str]:
        """Lines that fit."""
        return wrapped(super().lines())

    def name(self, number: int) -> str:
        """As of RowLoop."""
        return self._stage(number).name

    def memory(self, tensor: int) -> str:
        """As of RowLoop."""
        return self.calls.place(self.calls.memory.offsets[tensor])

    def _stage(self, number: int) -> Stage:
        return self.calls.stages[number]

    # ==== A step ====

    def step(self, node: Node) -> list[str]:
        """As of RowLoop."""
        at, stage = self.at(node), self._stage(node.members[-1])
        kept = self.chain.kept.get(node.output)
        if kept is None:
            pitch = stage.width
            place = total(self.calls.target(stage), (at, node.rows * pitch))
        else:
            pitch, next_rows = kept.width, self.next(kept, node.rows)
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
        return total(self.calls.scratch_of(self._stage(number)), round_up(room, 4))

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
                call.append(
                    self.place(node, read, "r" if sums and node.rows > 1 else 0)
                )
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

    def _first(
        self, stage: Stage, kernel: RowStep, node: Node
    ) -> tuple[str, list[str]]:
        """What is not kept in rows: read where it lies, or through a line buffer."""
        source, at = self.calls.source(stage.sources[0]), self.at(node)
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
