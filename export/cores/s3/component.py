"""The files of this core's engine: the kernels' text, and C around it.

text = assembly(engine)        # <prefix>_int8_s3.S
lines = body(engine)           # of the run function
"""

from export.cores.s3.kernel import Call, Kernel, Portable
from export.cores.s3.layout import Layout
from export.cores.s3.lower import Engine
from export.kernels.arrays import Array

SIGNATURE = "(const void *, void *, const void *, void *, const void *)"
COLUMNS = 12  # values a line


def assembly(engine: Engine) -> str:
    """All kernels."""
    return "\n".join(k.text for k in engine.kernels)


def arrays(engine: Engine) -> list[Array]:
    """Constants of the portable kernels."""
    return [array for k in engine.portables for array in k.kernel.arrays]


def constants(engine: Engine) -> list[tuple[str, int, list[str]]]:
    """(name, bytes, lines of numbers) of each array of the kernels in assembly."""
    found = []
    for kernel in engine.kernels:
        for what, content in (
            ("weights", kernel.weights),
            ("constants", kernel.constants),
        ):
            if content:
                name = f"{kernel.name}_{what}"
                found.append((name, len(content), _numbers(content)))
    return found


def _numbers(content: bytes) -> list[str]:
    values = [str(b - 256 if b > 127 else b) for b in content]
    starts = range(0, len(values), COLUMNS)
    return [", ".join(values[i : i + COLUMNS]) + "," for i in starts]


def body(engine: Engine, shown: dict[int, int]) -> list[str]:
    """Lines of C; in scope are a, input, output, hook and context.

    `shown`: the number under which a hook is told of a value, by tensor.
    """
    lines: list[str] = []
    for number, call in enumerate(engine.calls):
        if isinstance(call.kernel, Kernel):
            lines += _call(engine, number, call, call.kernel)
        else:
            lines += _portable(engine, number, call, call.kernel)
        ends = number + 1 == len(engine.calls)
        ends = ends or engine.calls[number + 1].stage != call.stage
        if call.output in shown and call.stage >= 0 and ends:
            lines += _hook(engine, call, shown[call.output])
    return lines + _output(engine)


def _at(engine: Engine, tensor: int) -> int:
    """Offset in the arena of a value's first pixel."""
    return engine.memory.values[tensor] + engine.layouts[tensor].start


def _call(engine: Engine, number: int, call: Call, kernel: Kernel) -> list[str]:
    memory = engine.memory
    target = _at(engine, call.output)
    if call.whole:
        target = memory.values[call.output]
    first = "a" if call.whole else "input"
    if call.inputs:
        first = f"a + {_at(engine, call.inputs[0]) + call.start}"
    weights = f"{kernel.name}_weights" if kernel.weights else "NULL"
    if len(call.inputs) > 1:  # a second input takes the weights' place
        weights = f"a + {_at(engine, call.inputs[1])}"
    scratch = f"a + {memory.scratch[number]}" if kernel.scratch else "NULL"
    constant = f"{kernel.name}_constants" if kernel.constants else "NULL"
    margin = " " * (len(kernel.name) + 1)
    return [
        f"{kernel.name}({first}, a + {target}, {weights},",
        f"{margin}{scratch}, {constant});",
    ]


def _portable(engine: Engine, number: int, call: Call, portable: Portable) -> list[str]:
    base = engine.memory.scratch[number]
    places = [f"a + {base + at}" for at in portable.places]
    lines = []
    for tensor, place in zip(call.inputs, places, strict=False):
        layout = _layout(engine.layouts[tensor])
        lines.append(f"nn_strided_pack({place}, a + {_at(engine, tensor)},")
        lines.append(f"                {layout}, NN_STRIDED_SIGN);")
    arguments = places if portable.kernel.scratch else places[:-1]
    lines.append(f"{portable.kernel.name}({', '.join(arguments)});")
    layout = _layout(engine.layouts[call.output])
    target = _at(engine, call.output)
    lines.append(f"nn_strided_unpack(a + {target}, {places[-2]},")
    lines.append(f"                  {layout}, NN_STRIDED_SIGN);")
    return lines


def _layout(layout: Layout) -> str:
    sizes = (layout.height, layout.width, layout.channels, layout.pixel, layout.row)
    return f"nn_strided({', '.join(map(str, sizes))})"


def _hook(engine: Engine, call: Call, number: int) -> list[str]:
    flip = "0" if engine.stages[call.stage].is_output else "NN_STRIDED_SIGN"
    return [
        "if (hook) {",
        f"    nn_strided_show(hook, context, {number}, a + {_at(engine, call.output)},",
        f"                    {_layout(engine.layouts[call.output])}, {flip});",
        "}",
    ]


def _output(engine: Engine) -> list[str]:
    tensor = next(stage.output for stage in engine.stages if stage.is_output)
    one = engine.layouts[tensor]
    if one.height * one.width == 1:
        return [f"memcpy(output, a + {_at(engine, tensor)}, {one.channels});"]
    layout = _layout(one)
    return [
        f"nn_strided_pack((uint8_t *)output, a + {_at(engine, tensor)},",
        f"                {layout}, 0);",
    ]
