"""The body of an engine's run function: which stage is called with which memory."""

from dataclasses import dataclass

from export import emit_f16
from export.memory import Memory
from export.network import Network
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

    def rows(self, count: int) -> list[str]:
        """The first `count` stages, row by row.

        Each stage writes one row; its reader runs as soon as its window is full,
        and moves on by dropping the oldest rows.
        """
        chain = self.stages[:count]
        first, last = chain[0], chain[-1]
        lines = []
        for stage in chain[:-1]:
            at = self._place(self.memory.offsets[stage.output], "nn_real_t")
            lines.append(f"nn_real_t *const rows_{stage.name} = {at};")
        lines.append(f"nn_real_t *out = {self._target(last)};")
        lines += [f"uint32_t count_{stage.name} = 0;" for stage in chain[:-1]]
        window = emit_f16.window(self.network, first)
        whole = self.network.tensors[first.inputs[0]].shape[2] * first.in_live[0][2]
        move = window.step * whole
        lines.append("")
        lines.append(f"for (int32_t y = 0; y < {first.out_live[0]}; ++y) {{")
        source = f"image + y * {move}"
        for stage, after in zip(chain, [*chain[1:], None], strict=True):
            width = stage.out_live[1] * stage.out_live[2]
            target = "out"
            if after is not None:
                target = f"rows_{stage.name} + count_{stage.name} * {width}"
            call = [source, target]
            if self.scratch[stage.number]:
                call.append(self._scratch(stage))
            lines.append(f"    {stage.name}({', '.join(call)});")
            lines += ["    " + x for x in self._hook(stage, target, width)]
            if after is None:
                lines.append(f"    out += {width};")
                break
            need = emit_f16.window(self.network, after)
            lines.append(f"    if (++count_{stage.name} < {need.rows}) {{")
            lines += ["        continue;", "    }"]
            lines.append(f"    count_{stage.name} = {need.rows - need.step};")
            source = f"rows_{stage.name}"
        for stage, after in reversed(list(zip(chain, chain[1:], strict=False))):
            need = emit_f16.window(self.network, after)
            drop, keep = need.step * need.width, (need.rows - need.step) * need.width
            slide = f"nn_slide(rows_{stage.name}, {drop}, {keep});"
            place = next(
                i
                for i, line in enumerate(lines)
                if line.startswith(f"    {after.name}(")
            )
            # behind the reader's call and its hook
            lines.insert(place + 1 + len(self._hook(stage, "", 0)), "    " + slide)
        return [*lines, "}"]

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
