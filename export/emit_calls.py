"""The body of an engine's run function: which stage is called with which memory."""

from dataclasses import dataclass

from export import emit_f16, emit_pool_f16
from export.memory import Memory
from export.network import Network, pads_before
from export.planner import Stage


@dataclass(frozen=True)
class Calls:
    """Lines of C; the variables in scope are a, image, logits, hook and context."""

    network: Network
    stages: tuple[Stage, ...]
    memory: Memory
    scratch: dict[int, int]
    engine: str  # int8 | f16

    def whole(self, stage: Stage) -> list[str]:
        """A stage that computes all of its output at once."""
        arguments = [self._source(index) for index in stage.inputs]
        target = self._target(stage)
        arguments.append(target)
        if self.scratch[stage.number]:
            arguments.append(self._scratch(stage))
        return [
            f"{stage.name}({', '.join(arguments)});",
            *self._hook(stage, target, stage.out_size),
        ]

    def pair(self, first: Stage, second: Stage) -> list[str]:
        """int8: the first two stages, which the second's function drives."""
        arguments = [
            self._source(first.inputs[0]),
            self._place(self.memory.offsets[first.output], "uint8_t"),
            self._target(second),
            self._scratch(second),
        ]
        return [f"{second.name}({', '.join(arguments)}, hook, context);"]

    def rows(self, count: int) -> list[str]:
        """The first `count` stages, row by row.

        Each stage writes one row; its reader runs as soon as its window is full,
        and moves on by dropping the oldest rows. A window that begins with padding
        has that from the start; one that ends with it is never full.
        """
        chain = self.stages[:count]
        pairs = list(zip(chain, chain[1:], strict=False))
        lines = []
        for stage in chain[:-1]:
            at = self._place(self.memory.offsets[stage.output], "nn_real_t")
            lines.append(f"nn_real_t *const rows_{stage.name} = {at};")
        lines.append(f"nn_real_t *out = {self._target(chain[-1])};")
        fills = []
        for stage, after in pairs:
            above, width = pads_before(self.network, after.head)[0], _width(stage)
            lines.append(f"int32_t count_{stage.name} = {above};")
            if above:
                fills.append(f"nn_fill(rows_{stage.name}, {above * width});")
        height = chain[0].out_live[0]
        lines += ["", *fills, f"for (int32_t y = 0; y < {height}; ++y) {{"]
        lines += ["    " + line for line in self._first_row(chain[0], count == 1)]
        for stage, after in pairs:
            need = emit_f16.window(self.network, after)
            end = f" && y < {height - 1}" if self._short(after) else ""
            lines.append(f"    if (++count_{stage.name} < {need.rows}{end}) {{")
            lines += ["        continue;", "    }"]
            row = self._next_row(stage, after, need, after is chain[-1])
            lines += ["    " + line for line in row]
        return [*lines, f"    out += {_width(chain[-1])};", "}"]

    def _first_row(self, stage: Stage, last: bool) -> list[str]:
        """A row of the first stage, from the image."""
        move = emit_f16.window(self.network, stage).step
        move *= self.network.tensors[stage.inputs[0]].shape[2] * stage.in_live[0][2]
        return self._row(stage, [f"image + y * {move}"], last)

    def _next_row(
        self, before: Stage, stage: Stage, need: emit_f16.Window, last: bool
    ) -> list[str]:
        """A row of another stage, from the window of rows in front of it."""
        source = [f"rows_{before.name}"]
        if self._short(stage):
            source.insert(1, f"count_{before.name}")
        keep = need.rows - need.step
        drop = f"{need.step * need.width}, {keep * need.width}"
        slide = [f"nn_slide(rows_{before.name}, {drop});"] if keep else []
        slide.append(f"count_{before.name} = {keep};")
        return [*self._row(stage, source, last), *slide]

    def _row(self, stage: Stage, source: list[str], last: bool) -> list[str]:
        """Call of a stage that writes one row, where its reader wants it."""
        width, target = _width(stage), "out"
        if not last:
            target = f"rows_{stage.name} + count_{stage.name} * {width}"
        call = [*source[:1], target, *source[1:]]
        if self.scratch[stage.number]:
            call.append(self._scratch(stage))
        hook = self._hook(stage, target, width)
        return [f"{stage.name}({', '.join(call)});", *hook]

    def _short(self, stage: Stage) -> bool:
        return stage.head.kind == "MAX_POOL_2D" and emit_pool_f16.is_short(
            self.network, stage
        )

    def _hook(self, stage: Stage, target: str, elements: int) -> list[str]:
        size = elements * (1 if self.engine == "int8" else 4)
        return [
            "if (hook) {",
            f"    hook(context, {stage.number}, {target}, {size});",
            "}",
        ]

    def _source(self, index: int) -> str:
        if index == self.network.inputs[0]:
            return "image"
        kind = "const uint8_t" if self.engine == "int8" else "const nn_real_t"
        return self._place(self.memory.offsets[index], kind)

    def _target(self, stage: Stage) -> str:
        if stage.output in self.network.outputs:
            return "logits" if self.engine == "int8" else "(nn_real_t *)logits"
        kind = "uint8_t" if self.engine == "int8" else "nn_real_t"
        return self._place(self.memory.offsets[stage.output], kind)

    def _scratch(self, stage: Stage) -> str:
        kind = "void" if self.engine == "int8" else "nn_real_t"
        return self._place(self.memory.scratch[stage.number], kind)

    @staticmethod
    def _place(offset: int, kind: str) -> str:
        """An address in the arena; uint8_t needs no cast."""
        plain = kind.endswith(("uint8_t", "void"))
        return f"a + {offset}" if plain else f"({kind} *)(a + {offset})"


def _width(stage: Stage) -> int:
    """Elements in a row of a stage's output."""
    return stage.out_live[1] * stage.out_live[2]
