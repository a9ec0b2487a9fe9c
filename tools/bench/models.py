"""The models that the benchmark runs, from `build/<model>/`, exported if need be.

    model = load("v2", expected_images=1000)

Every profile's C is generated anew from the same two .tflite files: no training, no
TensorFlow. What TFLite Micro answers on the first test images is kept beside it.
`shape("resnet8", 20)` is one of MLPerf Tiny's, int8 only, with random inputs.
"""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import paths
from core.errors import Esp8kError
from core.files import write_bytes
from core.inputs import MODEL_BYTES, read_bytes
from core.pixels import to_bytes, to_int8
from core.saying import say
from core.words import ENGINES
from export.emit import generate as codegen
from export.emit import host_build
from export.emit.generate import Plan
from export.emit.golden import random_inputs
from export.emit.identity import identify
from export.frontend.support import integer_core
from export.graph.network import Network
from export.graph.read import read_tflite
from export.reference import tflm
from tools.bench import mlperf_shapes
from tools.bench.build import Program
from training import data as datasets

FILES = (
    "model_int8.tflite",
    "model_fp16.tflite",
    "model_fp32.onnx",
    "model_int8.onnx",
)
NO_WEIGHTS = "0" * 64  # the hash is a comment of the C, it costs nothing
LOGIT_BYTES = {"int8": 1, "f16": 4}
ADAPTER = """
#include "{prefix}_model.h"
static uint8_t arena[{macro}_{upper}_ARENA_BYTES] __attribute__((aligned(16)));
static const uint8_t *pixels;
void bench_prepare(const uint8_t *image) {{ pixels = image; }}
void bench_run(void *output, bench_hook_t hook)
{{
    (void){prefix}_{engine}_run_traced(&arena, pixels, output, hook, 0);
}}
"""


@dataclass(frozen=True, eq=False)
class Model:
    """A model's files and networks, and what TFLite Micro says of it."""

    name: str
    folder: Path
    int8: Network
    f16: Network | None
    images: np.ndarray  # (N, bytes) uint8, the first test images
    expected: np.ndarray | None  # (N, classes) int8 by TFLite Micro; None without it

    def file(self, name: str) -> bytes:
        """One of the exported files."""
        return read_bytes(self.folder / name, MODEL_BYTES, "a .tflite")

    def inputs(self, images: np.ndarray) -> np.ndarray:
        """Images (N, bytes) as the int8 network takes them: q = byte - 128."""
        dimensions = self.int8.tensors[self.int8.inputs[0]].shape[1:]
        return to_int8(images).reshape(-1, *dimensions)

    def engines(self) -> tuple[str, ...]:
        """What can be generated of it."""
        return ENGINES if self.f16 else ENGINES[:1]


def load(name: str, expected_images: int) -> Model:
    """Read the exported model of the build folder; export it if it is not there."""
    folder = paths.model_dir(name)
    if not all((folder / file).exists() for file in FILES):
        export(name, OMP_NUM_THREADS="1")
    return read(name, folder, expected_images)


def read(name: str, folder: Path, expected_images: int) -> Model:
    """Read an exported model from `folder`."""
    tests = datasets.load().test_images[:expected_images]
    return Model(
        name=name,
        folder=folder,
        int8=read_tflite(folder / FILES[0], name),
        f16=read_tflite(folder / FILES[1], name),
        images=tests.reshape(len(tests), -1),
        expected=tflm.outputs(
            read_bytes(folder / FILES[0], MODEL_BYTES, "a .tflite"),
            to_int8(tests)[..., None],
        ),
    )


def shape(name: str, folder: Path, inputs: int) -> Model:
    """One of MLPerf Tiny's, converted into `folder` unless it is there already."""
    path, source = folder / FILES[0], Path(mlperf_shapes.__file__)
    if not path.exists() or path.stat().st_mtime < source.stat().st_mtime:
        write_bytes(path, mlperf_shapes.build(name))
    network = integer_core(read_tflite(path, name))
    values = random_inputs(network, inputs, 0)
    expected = tflm.outputs(read_bytes(path, MODEL_BYTES, "a .tflite"), values)
    return Model(
        name=name,
        folder=folder,
        int8=network,
        f16=None,
        images=to_bytes(values).reshape(inputs, -1),
        expected=None if expected is None else expected.reshape(inputs, -1),
    )


def export(name: str, **variables: str) -> None:
    """Run the exporter, a process with these variables of the environment."""
    say(f"export {name}")
    done = subprocess.run(
        [sys.executable, "-m", "export", "--model", name],
        cwd=paths.ROOT,
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
    )
    if done.returncode:
        raise Esp8kError(f"{name} cannot be exported", f"run: make export MODEL={name}")


def generate(
    model: Model, profile: str, folder: Path, lx6: bool = True, s3: bool = False
) -> Plan:
    """Our C of `model` in `profile`, written to `folder`; `lx6`, `s3`: theirs, too."""
    other = model.f16 or model.int8
    identity = identify(model.name, NO_WEIGHTS, model.int8.sha256, other.sha256)
    prefix = codegen.identifier(model.name)
    place = (folder, profile, prefix, identity)
    return codegen.generate(model.int8, model.f16, *place, lx6=lx6, s3=s3)


def program(component: Path, plan: Plan, engine: str) -> Program:
    """One engine of a generated component, ready to be measured."""
    header = component / "src" / f"{plan.prefix}_model.h"
    upper = plan.prefix.upper()
    defined = host_build.defines(header)
    sizes = {
        name: host_build.number(defined[f"{upper}_{name}"])
        for name in ("OUTPUT_SIZE", "INPUT_BYTES")
    }
    return Program(
        name=f"{plan.model} {plan.profile} {engine}",
        sources=tuple(sorted((component / "src").glob(f"{plan.prefix}_{engine}_*.c"))),
        includes=(component / "src",),
        adapter=ADAPTER.format(
            prefix=plan.prefix, macro=upper, upper=engine.upper(), engine=engine
        ),
        output_bytes=sizes["OUTPUT_SIZE"] * LOGIT_BYTES[engine],
        image_bytes=sizes["INPUT_BYTES"],
        warnings=host_build.WARNINGS,
    )


def effective_macs(plan: Plan) -> int:
    """MACs that some logit depends on."""
    return sum(stage.effective_macs for stage in plan.engine("int8"))


__all__ = [
    "Model",
    "generate",
    "effective_macs",
    "load",
    "program",
    "read",
    "shape",
]
