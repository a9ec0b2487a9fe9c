"""The body of an engine's run function: which stage is called with which memory."""

from dataclasses import dataclass, field
from functools import cached_property

from export.emit.held import places
from export.graph.stage import Operand, Stage
from export.kernels.c_text import indented, total, wrapped
from export.plan import row_buffers
from export.plan.arena import Memory
from export.plan.row_buffers import Link, RowBuffers

BYTES = {"int8": 1, "int16": 2, "f16": 4}  # of an element
PLACES = {"int16": "nn_at16", "f16": "nn_at"}  # functions that give an address


@dataclass(frozen=True)
class Calls:
    """Lines of C; the variables in scope are a, input, output, hook and context."""

    stages: tuple[Stage, ...]
    memory: Memory
    scratch: dict[int, int]
    engine: str  # int8 | int16 | f16
    lent: dict[int, tuple[Stage, int]] = field(default_factory=dict)  # rows of rings
    shown: dict[int, int] | None = None  # what hooks get, by output; None: all stages

    @cached_property
    def held(self) -> dict[int, str]:
        """C of what the caller holds."""
        return places(self.stages[0].network) if self.stages else {}

    def whole(self, stage: Stage) -> list[str]:
        """A stage that computes all of its output at once."""
        arguments = [self.source(source) for source in stage.sources]
        target = self.target(stage)
        arguments.append(target)
        if self.scratch[stage.number]:
            arguments.append(self.scratch_of(stage))
        return wrapped(
            [
                f"{stage.name}({', '.join(arguments)});",
                *self.hook(stage, target, stage.size),
            ]
        )

    def pair(self, first: Stage, second: Stage) -> list[str]:
        """int8: the first two stages, which the second's function drives."""
        arguments = [
            self.source(first.sources[0]),
            self.place(self.memory.offsets[first.output]),
            self.target(second),
            self.scratch_of(second),
        ]
        return [f"{second.name}({', '.join(arguments)}, hook, context);"]

    def rows(self, buffers: RowBuffers) -> list[str]:
        """The chain at the start of the network, a few rows at a time.

        Each stage writes its rows behind those that its reader's window has; the
        reader runs as soon as the window is full, and moves on by dropping the oldest
        rows. A window that begins with padding has that from the start. One that ends
        with padding is never full: its last call comes in the last turn, or, where
        that has one already, in a turn of its own.
        """
        chain = self.stages[: len(buffers)]
        lines, fills = [], []
        for stage, link in zip(chain, buffers.links, strict=False):
            at = self.place(self.memory.offsets[stage.output])
            if link.ring:
                lines += self._ring(stage, link)
            else:
                lines.append(f"nn_real_t *const rows_{stage.name} = {at};")
            lines.append(f"int32_t count_{stage.name} = {link.above};")
            if link.above:
                fills.append(f"nn_fill(rows_{stage.name}, {link.above * link.width});")
        lines.append(f"nn_real_t *out = {self.target(chain[-1])};")
        turns = chain[0].region[0] // buffers.rows[0]
        body = self._row(buffers, 0, [self._image(chain[0], buffers.rows[0])])
        for number, link in enumerate(buffers.links, 1):
            body += self._filled(buffers, number, turns)
            if link.late:
                body = [f"if (y < {turns}) {{", *indented(body), "}"]
                turns += 1
            body += self._reader(buffers, number)
        body.append(f"out += {buffers.rows[-1] * chain[-1].width};")
        head = f"for (int32_t y = 0; y < {turns}; ++y) {{"
        return wrapped([*lines, "", *fills, head, *indented(body), "}"])

    def _ring(self, stage: Stage, link: Link) -> list[str]:
        """Pointers to the rows of a window."""
        at, step = self.memory.offsets[stage.output], 4 * link.width
        rows = [self.place(at + i * step) for i in range(link.room)]
        return [
            f"nn_real_t *rows_{stage.name}[{link.room}] = {{",
            *(f"    {row}," for row in rows),
            "};",
        ]

    def _image(self, stage: Stage, rows: int) -> str:
        """Where the first stage reads."""
        move = row_buffers.window(stage, rows).step
        return total("input", ("y", move * stage.sources[0].pitch))

    def _filled(self, buffers: RowBuffers, number: int, turns: int) -> list[str]:
        """Rows have come: the turn ends here unless the window of a stage is full."""
        link, added = buffers.links[number - 1], buffers.rows[number - 1]
        count = f"count_{self.stages[number - 1].name}"
        more = f"++{count}" if added == 1 else f"({count} += {added})"
        end = f" && y < {turns - 1}" if link.short and not link.late else ""
        return [f"if ({more} < {link.need}{end}) {{", "    continue;", "}"]

    def _reader(self, buffers: RowBuffers, number: int) -> list[str]:
        """A stage reads its window, whose oldest rows go then."""
        link, before = buffers.links[number - 1], self.stages[number - 1].name
        count, window = f"count_{before}", f"rows_{before}"
        rows = f"(const nn_real_t *const *){window}" if link.ring else window
        source = [rows, count] if link.short else [rows]
        lines = self._row(buffers, number, source)
        if link.ring:
            turn = [f"nn_turn({window}, {link.room});"] * link.step
            return [*lines, *turn, f"{count} = {link.keep};"]
        drop = f"{link.step * link.width}, {link.keep * link.width}"
        lines += [f"nn_slide({window}, {drop});"] if link.keep else []
        return [*lines, f"{count} = {link.keep};"]

    def _row(self, buffers: RowBuffers, number: int, source: list[str]) -> list[str]:
        """Call of a stage that writes its rows where its reader wants them."""
        stage, target = self.stages[number], "out"
        if number + 1 < len(buffers):
            target = f"rows_{stage.name} + count_{stage.name} * {stage.width}"
            if buffers.links[number].ring:
                target = f"rows_{stage.name}[count_{stage.name}]"
        call = [*source[:1], target, *source[1:]]
        if self.scratch[stage.number]:
            call.append(self._row_scratch(stage))
        hook = self.hook(stage, target, buffers.rows[number] * stage.width)
        return [f"{stage.name}({', '.join(call)});", *hook]

    def _row_scratch(self, stage: Stage) -> str:
        if stage.number not in self.lent:
            return self.scratch_of(stage)
        owner, row = self.lent[stage.number]
        return f"rows_{owner.name}[{row}]"

    def hook(self, stage: Stage, target: str, elements: int) -> list[str]:
        """Lines that show what a stage gave."""
        size = elements * BYTES[self.engine]
        number = stage.number
        if self.shown is not None:
            if stage.output not in self.shown:
                return []
            number = self.shown[stage.output]
        return [
            "if (hook) {",
            f"    hook(context, {number}, {target}, {size});",
            "}",
        ]

    def source(self, source: Operand) -> str:
        """C of where a stage reads."""
        if source.tensor in self.held:
            return self.held[source.tensor]
        return self.place(self.memory.offsets[source.tensor])

    def target(self, stage: Stage) -> str:
        """C of where it writes."""
        if stage.output in self.held:
            return self.held[stage.output]
        return self.place(self.memory.offsets[stage.output])

    def scratch_of(self, stage: Stage) -> str:
        """C of its working memory."""
        return self.place(self.memory.scratch[stage.number])

    def place(self, offset: int) -> str:
        """An address in the arena, of bytes or of what the engine holds."""
        function = PLACES.get(self.engine)
        return total("a", offset) if function is None else f"{function}(a, {offset})"
