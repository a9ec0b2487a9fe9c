"""BakeNN 1.0 (PyPI): portable C, and with it Espressif's and Arm's kernels.

    for program in programs(tflite_bytes, folder): ...

It packages the C of ESP-NN 1.2.6 (what an ESP32 runs under TFLite Micro) and of
CMSIS-NN 4.0 (without its Arm assembly), so these two are measured here as well.
"""

import re
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from core.errors import Esp8kError
from export.graph.flatbuffer import packed, unpacked
from export.graph.read import read_tflite
from tools.bench.build import Program

ADAPTER = """
#include "bknn_rival.h"
static _Alignas(16) uint8_t arena[BKNN_RIVAL_ARENA_SIZE];
void bench_prepare(const uint8_t *image)
{
    int8_t *input = (int8_t *)bench_input;
    for (uint32_t i = 0; i < BKNN_RIVAL_INPUT_BYTES; i++)
        input[i] = (int8_t)((int)image[i] - 128);
}
void bench_run(void *output, bench_hook_t hook)
{
    (void)hook;
    bknn_rival_infer(arena, (const int8_t *)bench_input, output);
}
"""
# One instruction of a Cortex-M4 that BakeNN's last layer uses, in C.
SMLAD = """
int __builtin_arm_smlad(int a, int b, int sum)
{
    return sum + (int16_t)a * (int16_t)b + (a >> 16) * (b >> 16);
}
"""
# Which kernels, and what to ask BakeNN for to get them.
VARIANTS = {
    "BakeNN 1.0 portable C": {},
    "ESP-NN 1.2.6, by BakeNN": {"target": "ESP32", "enable_esp_nn": True},
    "CMSIS-NN 4.0 C, by BakeNN": {
        "target": "CORTEX_M4",
        "enable_cmsis_nn": True,
    },
}


def program(tflite: bytes, variant: str, folder: Path) -> Program:
    """The C that BakeNN makes of a model; Esp8kError says why it cannot."""
    try:
        import bakenn
    except ImportError as error:
        raise Esp8kError("not installed", "pip install bakenn tflite") from error
    wanted: dict[str, Any] = dict(VARIANTS[variant])
    if wanted:
        wanted["target"] = getattr(bakenn, wanted["target"])
        wanted["kernel_policy"] = bakenn.KernelPolicy.STATIC_PRIORITY
    options = bakenn.CBackendOptions(**wanted)
    # CMSIS-NN's own switch for a compiler that is not Arm's.
    arm = "enable_cmsis_nn" in wanted
    defines = ["__GNUC_PYTHON__", "__RESTRICT=restrict"] if arm else []
    try:
        bakenn.compile_tflite(
            with_reshape_options(tflite), folder, name="rival", backend_options=options
        )
    except bakenn.CompileError as error:
        raise Esp8kError(_reason(str(error))) from error
    listed = (folder / "bakenn_sources.cmake").read_text()
    network = read_tflite(tflite, "rival")
    start, end = (network.tensors[x[0]] for x in (network.inputs, network.outputs))
    return Program(
        name=variant,
        sources=tuple(folder / x for x in _names(listed, "SOURCES")),
        includes=tuple(folder / x for x in _names(listed, "INCLUDE_DIRS")),
        adapter=ADAPTER + (SMLAD if arm else ""),
        output_bytes=end.size,
        image_bytes=start.size,
        defines=(*_names(listed, "COMPILE_DEFINITIONS"), *defines),
    )


def with_reshape_options(raw: bytes) -> bytes:
    """The same model with each RESHAPE's shape in its options too.

    TensorFlow writes it as a tensor only; BakeNN's importer insists on the options.
    """
    model = unpacked(raw)
    graph = model.subgraphs[0]
    for op in graph.operators:
        code = model.operatorCodes[op.opcodeIndex]
        kind = max(code.builtinCode, code.deprecatedBuiltinCode)
        if kind == schema.BuiltinOperator.RESHAPE and op.builtinOptions is None:
            options = schema.ReshapeOptionsT()
            options.newShape = list(graph.tensors[op.outputs[0]].shape)
            op.builtinOptions = options
            op.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    return packed(model)


def _reason(message: str) -> str:
    found = re.search(r"unsupported TFLite builtin operator code (\d+)", message)
    if not found:
        return message
    names = {
        code: name
        for name, code in vars(schema.BuiltinOperator).items()
        if not name.startswith("_")
    }
    return f"its importer does not know {names[int(found.group(1))]}"


def _names(text: str, what: str) -> list[str]:
    found = re.search(rf"set\(BAKENN_MODEL_{what}\n(.*?)\)", text, re.S)
    body = found.group(1) if found else ""
    quoted = re.findall(r'"\$\{CMAKE_CURRENT_LIST_DIR\}/([^"]+)"', body)
    return quoted or body.split()
