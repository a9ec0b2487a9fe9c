"""C of where things lie in the arena of this core, and of calls of its kernels."""

from dataclasses import dataclass

from export.cores.s3.kernel import Call, Kernel, Portable
from export.cores.s3.layout import Layout
from export.cores.s3.lower import Engine
from export.kernels.c_text import total


@dataclass(frozen=True)
class Places:
    """Of one engine; `shown`: the number of a value for a hook, by tensor."""

    engine: Engine
    shown: dict[int, int]

    def at(self, tensor: int) -> int:
        """Offset in the arena of a value's first pixel."""
        return self.engine.memory.values[tensor] + self.engine.layouts[tensor].start

    def of(self, tensor: int) -> str:
        """C of a value's first pixel; what is not in the arena is the caller's."""
        if tensor not in self.engine.memory.values:
            return "(uint8_t *)output"
        return total("a", self.at(tensor))

    def called(self, call: Call, kernel: Kernel, number: int) -> list[str]:
        """A call of a kernel for all of its output."""
        target = self.of(call.output)
        if call.whole:
            target = total("a", self.engine.memory.values[call.output])
        sources = [total("a", self.at(tensor)) for tensor in call.inputs]
        if sources:
            sources[0] = total("a", self.at(call.inputs[0]) + call.start)
        elif call.whole:
            sources = ["a"]
        return [self.call(kernel, sources or ["input"], target, number)]

    def call(self, kernel: Kernel, sources: list[str], target: str, number: int) -> str:
        """C of a call; a second input takes the weights' place."""
        weights = f"{kernel.name}_weights" if kernel.weights else "NULL"
        weights = sources[1] if len(sources) > 1 else weights
        scratch = "NULL"
        if kernel.scratch:
            scratch = total("a", self.engine.memory.scratch[number])
        constants = f"{kernel.name}_constants" if kernel.constants else "NULL"
        arguments = f"{sources[0]}, {target}, {weights}, {scratch}, {constants}"
        return f"{kernel.name}({arguments});"

    def portable(self, call: Call, portable: Portable, number: int) -> list[str]:
        """A call of a portable kernel, between copies."""
        base = self.engine.memory.scratch[number]
        places = [total("a", base + at) for at in portable.places]
        lines = [
            f"nn_strided_pack({place}, {self.of(tensor)}, "
            f"{strided(self.engine.layouts[tensor])}, NN_STRIDED_SIGN);"
            for tensor, place in zip(call.inputs, places, strict=False)
        ]
        arguments = places if portable.kernel.scratch else places[:-1]
        lines.append(f"{portable.kernel.name}({', '.join(arguments)});")
        layout = strided(self.engine.layouts[call.output])
        lines.append(
            f"nn_strided_unpack({self.of(call.output)}, {places[-2]}, "
            f"{layout}, NN_STRIDED_SIGN);"
        )
        return lines

    def hook(self, tensor: int, at: str, row: bool = False) -> list[str]:
        """What shows a value, or a row of it, if a hook sees that."""
        number = next((s.number for s in self.engine.stages if s.output == tensor), -1)
        if number < 0 or tensor not in self.shown:
            return []
        layout = self.engine.layouts[tensor]
        flip = "0" if self.engine.stages[number].is_output else "NN_STRIDED_SIGN"
        return [
            "if (hook) {",
            f"    nn_strided_show(hook, context, {self.shown[tensor]}, {at}, "
            f"{strided(layout, 1 if row else layout.height)}, {flip});",
            "}",
        ]


def strided(layout: Layout, height: int = 0) -> str:
    """C of a layout, or of some of its rows."""
    sizes = (layout.width, layout.channels, layout.pixel, layout.row)
    return f"nn_strided({height or layout.height}, {', '.join(map(str, sizes))})"
