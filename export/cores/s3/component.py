"""The files of this core's engine: one .S, one .c.

files = write(engine, "esp8k")     # {"int8_s3.S": ..., "int8_s3.c": ...}
"""

import textwrap

from export.cores.s3.kernel import Call, Kernel
from export.cores.s3.lower import Engine

SIGNATURE = "(const void *, void *, const void *, void *, const void *)"


def assembly(engine: Engine) -> str:
    """All kernels."""
    texts = [k.text for k in engine.kernels if k.text]
    return "\n".join(texts)


def source(engine: Engine) -> str:
    """Constants and the engine's run function."""
    prefix = engine.prefix
    lines = [f'#include "{prefix}_model.h"', '#include "nn_strided.h"']
    lines += ["", "#include <string.h>", ""]
    for kernel in engine.kernels:
        if kernel.text:
            lines.append(f"void {kernel.name}{SIGNATURE};")
    for kernel in engine.kernels:
        lines += _constants(kernel)
    lines += [
        "",
        f"void {prefix}_int8_run(void *arena, const uint8_t *image, int8_t *logits,",
        f"                    {prefix}_hook_t hook, void *context)",
        "{",
        "    int8_t *const a = arena;",
        "",
    ]
    for i, call in enumerate(engine.calls):
        lines.append(f"    {_call(engine, i, call)}")
        after = engine.calls[i + 1 :]
        if all(c.stage != call.stage for c in after) and call.stage >= 0:
            lines += _hook(engine, call)
    lines += _end(engine)
    return "\n".join(lines) + "\n"


def _constants(kernel: Kernel) -> list[str]:
    found = []
    for what, content in (("weights", kernel.weights), ("constants", kernel.constants)):
        if not content:
            continue
        values = ", ".join(str(b - 256 if b > 127 else b) for b in content)
        head = f"static const int8_t {kernel.name}_{what}[{len(content)}]"
        found.append(f"\n{head} __attribute__((aligned(16))) = {{")
        found += textwrap.wrap(
            values, 84, initial_indent="    ", subsequent_indent="    "
        )
        found.append("};")
    return found


def _call(engine: Engine, number: int, call: Call) -> str:
    kernel, memory = call.kernel, engine.memory
    target = memory.values[call.output]
    if not call.whole:
        target += engine.layouts[call.output].start
    if call.inputs:
        tensor = call.inputs[0]
        start = memory.values[tensor] + engine.layouts[tensor].start + call.start
        first = f"a + {start}"
    else:
        first = "image" if not call.whole else "a"
    scratch = f"a + {memory.scratch[number]}" if kernel.scratch else "a"
    weights = f"{kernel.name}_weights" if kernel.weights else "a"
    if len(call.inputs) > 1:  # a second input takes the weights' place
        other = call.inputs[1]
        at = memory.values[other] + engine.layouts[other].start
        weights = f"a + {at}"
    constants = f"{kernel.name}_constants" if kernel.constants else "a"
    return f"{kernel.name}({first}, a + {target}, {weights}, {scratch}, {constants});"


def _hook(engine: Engine, call: Call) -> list[str]:
    layout = engine.layouts[call.output]
    at = engine.memory.values[call.output] + layout.start
    sizes = (layout.height, layout.width, layout.channels, layout.pixel, layout.row)
    shape = ", ".join(map(str, sizes))
    flip = 0 if call is engine.calls[-1] else 128
    return [
        "    if (hook) {",
        f"        nn_strided_show(hook, context, {call.stage}, a + {at},",
        f"                        (nn_layout_t){{{shape}}}, {flip});",
        "    }",
    ]


def _end(engine: Engine) -> list[str]:
    (out,) = {c.output for c in engine.calls[-1:]}
    layout = engine.layouts[out]
    at = engine.memory.values[out] + layout.start
    size = layout.channels
    return [
        f"    memcpy(logits, a + {at}, {size});",
        "}",
    ]
