"""emx-onnx-cgen 1.4 (PyPI): C from an ONNX model, float32 or int8 with QDQ nodes.

    program = emx.program(onnx_bytes, "emx-onnx-cgen float32", folder)

Its temporaries lie on the stack, so its RAM is the stack. QDQ nodes it computes in
float: the weights are dequantized at each inference.
"""

import subprocess
import sys
from pathlib import Path

from core.errors import Esp8kError
from tools.bench.build import Program

ADAPTER = """
#include <stdbool.h>
void rival(const float image[restrict 1][1][28][28], float logits[restrict 1][10]);
void bench_prepare(const uint8_t *image)
{
    float *input = (float *)bench_input;
    for (uint32_t i = 0; i < 784u; i++)
        input[i] = (float)image[i] / 255.0f;
}
void bench_run(void *output, bench_hook_t hook)
{
    (void)hook;
    rival((const void *)bench_input, output);
}
"""
VARIANTS = {
    "emx-onnx-cgen float32": "model_fp32.onnx",
    "emx-onnx-cgen int8 (QDQ)": "model_int8.onnx",
}
TIMEOUT_S = 120  # one run of the generator


def program(onnx: bytes, variant: str, folder: Path) -> Program:
    """The C that emx-onnx-cgen makes of an ONNX model."""
    folder.mkdir(parents=True, exist_ok=True)
    model, source = folder / VARIANTS[variant], folder / "rival.c"
    model.write_bytes(onnx)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "emx_onnx_cgen", "compile"),
            *("--large-temp-threshold", "0", "--model-name", "rival"),
            *(str(model), str(source)),
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1]
        missing = "No module named" in last
        raise Esp8kError(
            "not installed" if missing else last, "pip install emx-onnx-cgen"
        )
    return Program(
        name=variant,
        sources=(source,),
        includes=(),
        adapter=ADAPTER,
        output_bytes=40,
    )
