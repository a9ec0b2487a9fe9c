"""The C that a component's README shows fits the network: one number, several ends."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from export.emit.component import publish
from export.emit.contents import Contents
from export.emit.host_build import WARNINGS
from export.graph.read import read_tflite
from tests.support.components import IDENTITY
from tools.bench.drawn.tflite_builder import TfliteBuilder

# Each main() ends with 0 if the snippet gives what the golden vectors say.
ONE_NUMBER = """
int main(void)
{
    float values[8], answer;
    for (int i = 0; i < 8; ++i) {
        const int u = net_golden_inputs[1][i];
        values[i] = NET_INPUT_SCALE * (float)(u - NET_INPUT_ZERO_POINT);
    }
    return predict(values, &answer) != 0
        || !(answer >= net_output_as_real(net_golden_int8[1][0]))
        || !(answer <= net_output_as_real(net_golden_int8[1][0]));
}
"""
SEVERAL = """
int main(void)
{
    int8_t output[NET_OUTPUT_SIZE];
    int wrong = infer(net_golden_inputs[1], output);
    for (uint32_t i = 0; i < NET_OUTPUT_SIZE; ++i) {
        wrong |= output[i] != net_golden_int8[1][i];
    }
    return wrong != 0 || net_input2_of(0.0f) != NET_INPUT2_ZERO_POINT
        || net_output2_as_real(NET_OUTPUT2_ZERO_POINT) > 0.0f;
}
"""


def one_number() -> bytes:
    """Eight numbers to one."""
    builder = TfliteBuilder()
    start = builder.tensor((1, 8), 0.05, 3)
    weights = builder.tensor((1, 8), 0.02, 0, range(-4, 4))
    end = builder.tensor((1, 1), 0.01, 5)
    builder.operator("FULLY_CONNECTED", [start, weights, -1], end)
    return builder.build([start], [end])


def several() -> bytes:
    """Two inputs; their sum and their product."""
    builder = TfliteBuilder()
    starts = [builder.tensor((1, 6), 0.05, 3), builder.tensor((1, 6), 0.1, -7)]
    ends = [builder.tensor((1, 6), 0.2, 1), builder.tensor((1, 6), 0.3, -9)]
    for kind, end in zip(("ADD", "MUL"), ends, strict=True):
        builder.operator(kind, starts, end)
    return builder.build(starts, ends)


@pytest.mark.parametrize(
    ("model", "main"), [(one_number, ONE_NUMBER), (several, SEVERAL)]
)
def test_the_snippet_is_of_this_network(
    model: Callable[[], bytes], main: str, tmp_path: Path
) -> None:
    folder = tmp_path / "net"
    network = read_tflite(model(), "net")
    place = (network, None, folder, "balanced", "net", IDENTITY, "net.tflite")
    publish(*place, Contents("portable"))
    readme = (folder / "README.md").read_text()
    (snippet,) = re.findall(r"```c\n(.*?)```", readme, re.S)
    program = tmp_path / "main.c"
    program.write_text(f'#include "net_golden.h"\n{snippet}{main}')
    sources = [program, *(folder / "src").glob("*.c"), f"-I{folder / 'src'}"]
    for language in (["gcc", "-std=c99"], ["g++", "-x", "c++", "-std=c++17"]):
        command = [*language, *WARNINGS, *sources, "-o", tmp_path / "a"]
        subprocess.run(list(map(str, command)), check=True)
        subprocess.run([tmp_path / "a"], check=True)
    for end in ("input", "output"):
        told = re.findall(rf"^\| {end}", readme, re.M)
        assert len(told) == len(getattr(network, f"{end}s"))
