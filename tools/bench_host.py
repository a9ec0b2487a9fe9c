"""The runtimes of this machine beside ours: TFLite Micro, LiteRT, ONNX Runtime.

    rows = measure(model, ours_library, say)

One interleaved run: in each round every runtime classifies the same images through
its Python binding, one thread, and its time is divided by ours in that round; the
row has the median of the rounds. TFLite Micro's instructions come from callgrind,
as the difference of two runs that invoke it a different number of times.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from export import tflm
from export.hostc import Library
from export.tflite import silent
from tools.bench_models import Model
from tools.bench_rows import HERE, HOST, Row, compare
from training.errors import Esp8kError

ROUNDS = 9  # odd: the median is one of them
IMAGES = 200  # a round and runtime
INVOCATIONS = (2, 12)  # of TFLite Micro under callgrind; the same beside that
TIMEOUT_S = 300

Runner = Callable[[np.ndarray], np.ndarray]  # images (N, 784) -> (N, 10)
Say = Callable[[str], None]

INVOKE = """
import sys
from tflite_micro import runtime
interpreter = runtime.Interpreter.from_file(sys.argv[1])
for _ in range(int(sys.argv[2])):
    interpreter.invoke()
"""


def measure(model: Model, ours: Library, say: Say) -> Iterator[Row]:
    """A row for each runtime; one that is not installed says so."""
    runners: dict[str, Runner] = {}
    reasons: dict[str, str] = {}
    for name, make in RUNTIMES.items():
        try:
            runners[name] = make(model)
        except ImportError:
            reasons[name] = "not installed on this machine"
    say(f"{model.name} time ratios, {ROUNDS} rounds")
    ratios = _ratios(model, ours, runners)
    for name, (package, engine) in PACKAGES.items():
        common: dict[str, Any] = {
            "source": name,
            "model": model.name,
            "target": "host",
            "engine": engine,
            "evidence": HERE,
            "run_on": HOST,
            "macs": model.int8.macs(),
            "compiler": f"wheel {_version(package)[:11]}",
        }
        if name not in runners:
            yield Row(**common, note=reasons[name])
            continue
        outputs = runners[name](model.images)
        extra: dict[str, Any] = {}
        if name == "TFLite Micro":
            say(f"{model.name} TFLite Micro under callgrind")
            extra = {
                "instructions": tflm_instructions(model.folder / "model_int8.tflite"),
                "ram_bytes": tflm.arena_bytes(model.file("model_int8.tflite")),
            }
        yield Row(
            **common,
            **extra,
            time_ratio=ratios[name],
            exact=compare(_bytes(outputs), model.expected),
        )


def _bytes(outputs: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(outputs).view(np.uint8).reshape(len(outputs), -1)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _ratios(
    model: Model, ours: Library, runners: dict[str, Runner]
) -> dict[str, float]:
    images = model.images[:IMAGES]
    everyone: dict[str, Runner] = {"ours": ours.int8, **runners}
    found: dict[str, list[float]] = {name: [] for name in runners}
    for run in everyone.values():
        run(images[:10])
    for _ in range(ROUNDS):
        spent = {}
        for name, run in everyone.items():
            start = time.perf_counter()
            run(images)
            spent[name] = time.perf_counter() - start
        for name in runners:
            found[name].append(spent[name] / spent["ours"])
    return {name: round(statistics.median(x), 2) for name, x in found.items()}


def tflm_instructions(model: Path) -> int | None:
    """Host instructions of one invocation; None without valgrind or the package."""
    if not tflm.available():
        return None
    few, many = (_collected(model, times) for times in INVOCATIONS)
    if few is None or many is None:
        return None
    return round((many - few) / (INVOCATIONS[1] - INVOCATIONS[0]))


def _collected(model: Path, times: int) -> int | None:
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "invoke.py"
        script.write_text(INVOKE)
        try:
            done = subprocess.run(
                [
                    *("valgrind", "--tool=callgrind"),
                    f"--callgrind-out-file={scratch}/profile",
                    *(sys.executable, str(script), str(model), str(times)),
                ],
                env=os.environ | {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1"},
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            )
        except FileNotFoundError:
            return None
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise Esp8kError("TFLite Micro failed under callgrind", done.stderr[-200:])
    return int(found.group(1))


# ==== The runtimes ====


def _tflm(model: Model) -> Runner:
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model.file("model_int8.tflite"))

    def one(image: np.ndarray) -> np.ndarray:
        interpreter.set_input(image, 0)
        interpreter.invoke()
        return interpreter.get_output(0)[0].copy()

    return lambda images: np.stack([one(x[None]) for x in _int8(images)])


def _litert(model: Model) -> Runner:
    from ai_edge_litert.interpreter import Interpreter

    with silent():
        interpreter = Interpreter(
            model_content=model.file("model_int8.tflite"), num_threads=1
        )
        interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]

    def one(image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source, image)
        interpreter.invoke()
        return interpreter.get_tensor(target)[0]

    return lambda images: np.stack([one(x[None]) for x in _int8(images)])


def _onnxruntime(file: str) -> Callable[[Model], Runner]:
    def make(model: Model) -> Runner:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            model.file(file), options, providers=["CPUExecutionProvider"]
        )
        name = session.get_inputs()[0].name

        def run(images: np.ndarray) -> np.ndarray:
            pixels = images.reshape(-1, 1, 1, 28, 28) / np.float32(255)
            return np.stack([session.run(None, {name: x})[0][0] for x in pixels])

        return run

    return make


def _int8(images: np.ndarray) -> np.ndarray:
    return (images.astype(np.int16) - 128).astype(np.int8).reshape(-1, 28, 28, 1)


RUNTIMES: dict[str, Callable[[Model], Runner]] = {
    "TFLite Micro": _tflm,
    "LiteRT (XNNPACK)": _litert,
    "ONNX Runtime int8": _onnxruntime("model_int8.onnx"),
    "ONNX Runtime float32": _onnxruntime("model_fp32.onnx"),
}
PACKAGES = {  # the package of each, and its arithmetic
    "TFLite Micro": ("tflite-micro", "int8"),
    "LiteRT (XNNPACK)": ("ai-edge-litert", "int8"),
    "ONNX Runtime int8": ("onnxruntime", "int8"),
    "ONNX Runtime float32": ("onnxruntime", "float32"),
}
