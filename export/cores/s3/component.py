"""The files of this core's engine: the kernels' text, and C around it.

    text = assembly(engine)        # <prefix>_int8_s3.S
    lines = body(engine, shown)    # of the run function

`shown` has the numbers that a hook gets, by the value that it is shown.
"""

from export.cores.s3.kernel import Kernel
from export.cores.s3.loop import Loop
from export.cores.s3.lower import Engine
from export.cores.s3.places import Places, strided
from export.cores.s3.rows import Run
from export.kernels import sharing
from export.kernels.arrays import Array
from export.kernels.c_text import indented, wrapped

COLUMNS = 12  # values a line


def functions(engine: Engine) -> list[Kernel]:
    """The kernels in assembly, of equal ones the first."""
    return [k for k in engine.kernels if k.name not in engine.repeats]


def assembly(engine: Engine) -> str:
    """All kernels."""
    return "\n".join(k.text for k in functions(engine))


def arrays(engine: Engine) -> list[Array]:
    """Constants of the portable kernels."""
    found = [array for k in engine.portables for array in k.kernel.arrays]
    return [array for array in found if array.name not in engine.repeats]


def constants(engine: Engine) -> list[tuple[str, int, list[str]]]:
    """(name, bytes, lines of numbers) of each array of the kernels in assembly."""
    return [
        (name, len(content), _numbers(content))
        for name, content in engine.contents
        if name not in engine.repeats
    ]


def _numbers(content: bytes) -> list[str]:
    values = [str(b - 256 if b > 127 else b) for b in content]
    starts = range(0, len(values), COLUMNS)
    return [", ".join(values[i : i + COLUMNS]) + "," for i in starts]


def body(engine: Engine, shown: dict[int, int]) -> list[str]:
    """Lines of C; in scope are a, input, output, hook and context.

    `shown`: the number under which a hook is told of a value, by tensor.
    """
    places, lines = Places(engine, shown), list[str]()
    by_rows = {unit.output for unit in engine.units if isinstance(unit, Run)}
    for number, unit in enumerate(engine.units):
        if isinstance(unit, Run):
            lines += ["{", *indented(Loop(places, unit, number).lines()), "}"]
        elif isinstance(unit.kernel, Kernel):
            lines += places.called(unit, unit.kernel, number)
        else:
            lines += places.portable(unit, unit.kernel, number)
        following = engine.units[number + 1 : number + 2]
        ends = not any(other.output == unit.output for other in following)
        if ends and unit.output not in by_rows:
            lines += places.hook(unit.output, places.of(unit.output))
    lines = [sharing.renamed(line, engine.repeats) for line in lines]
    return wrapped(lines + _output(engine))


def _output(engine: Engine) -> list[str]:
    """The copy to the caller, unless the last layer has written there."""
    tensor = next(stage.output for stage in engine.stages if stage.is_output)
    if tensor not in engine.memory.values:
        return []
    one, start = engine.layouts[tensor], Places(engine, {}).of(tensor)
    if one.height * one.width == 1:
        return [f"memcpy(output, {start}, {one.channels});"]
    layout = strided(one)
    return [
        f"nn_strided_pack((uint8_t *)output, {start},",
        f"                {layout}, 0);",
    ]
