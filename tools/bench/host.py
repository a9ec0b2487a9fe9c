"""The runtimes of this machine beside ours: TFLite Micro, LiteRT, ONNX Runtime.

    rows = measure(model, ours_library, say)

One interleaved run: in each round every runtime classifies the same images through
its Python binding, one thread, and its processor time is divided by ours in that
round; the row has the median of the rounds. (Of the wall's time a busy machine takes
more from the slow than from those who end within their time slice.)

TFLite Micro's instructions come from callgrind (`tools/bench/tflm.py`).
"""

import statistics
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from core.saying import Say
from core.words import HOST
from export.emit.host_build import Library
from export.frontend.tensorflow import silent
from export.reference import tflm
from tools.bench import ours as bench_ours
from tools.bench import tflm as bench_tflm
from tools.bench.models import Model
from tools.bench.rows import HERE, Row, compare

ROUNDS = 9  # odd: the median is one of them
IMAGES = 200  # a round and runtime
KERNELS = {True: "reference kernels", False: "accelerated kernels"}

Runner = Callable[[np.ndarray], np.ndarray]  # images (N, 784) -> (N, 10)


def measure(model: Model, ours: Library, say: Say) -> Iterator[Row]:
    """A row for each runtime; one that is not installed says so."""
    runners: dict[str, Runner] = {}
    reasons: dict[str, str] = {}
    for name, make in RUNTIMES.items():
        if not (model.folder / PACKAGES[name][2]).exists():
            continue  # a shape of MLPerf's is a .tflite only
        try:
            runners[name] = make(model)
        except ImportError:
            reasons[name] = "not installed on this machine"
    say(f"{model.name} time ratios, {ROUNDS} rounds")
    ratios = _ratios(model, ours, runners)
    for name, (package, engine, _) in PACKAGES.items():
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
            if name in reasons:
                yield Row(**common, note=reasons[name])
            continue
        outputs = runners[name](model.images)
        extra: dict[str, Any] = {}
        if name == "TFLite Micro":
            say(f"{model.name} TFLite Micro under callgrind")
            extra = _tflm_cost(model)
            common["compiler"] += f", {bench_tflm.built_by()}"
        yield Row(
            **common,
            **extra,
            time_ratio=ratios[name],
            exact=compare(_bytes(outputs), model.expected),
        )


def _tflm_cost(model: Model) -> dict[str, Any]:
    """Instructions on the inputs that ours are counted on, and the arena."""
    inputs = model.inputs(model.images[: bench_ours.IMAGES["int8"]])
    counted = bench_tflm.count(model.folder / "model_int8.tflite", inputs)
    found: dict[str, Any] = {
        "ram_bytes": tflm.arena_bytes(model.file("model_int8.tflite"))
    }
    if counted:
        found["instructions"] = counted.instructions
        found["flags"] = KERNELS[counted.reference_kernels]
    return found


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
            start = time.process_time()
            run(images)
            spent[name] = time.process_time() - start
        for name in runners:
            found[name].append(spent[name] / spent["ours"])
    return {name: round(statistics.median(x), 2) for name, x in found.items()}


# ==== The runtimes ====


def _tflm(model: Model) -> Runner:
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(model.file("model_int8.tflite"))

    def one(image: np.ndarray) -> np.ndarray:
        interpreter.set_input(image, 0)
        interpreter.invoke()
        return np.asarray(interpreter.get_output(0)[0].copy())

    return lambda images: np.stack([one(x[None]) for x in model.inputs(images)])


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
        return np.asarray(interpreter.get_tensor(target)[0])

    return lambda images: np.stack([one(x[None]) for x in model.inputs(images)])


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


INT8, ONNX8, ONNX32 = "model_int8.tflite", "model_int8.onnx", "model_fp32.onnx"
RUNTIMES: dict[str, Callable[[Model], Runner]] = {
    "TFLite Micro": _tflm,
    "LiteRT (XNNPACK)": _litert,
    "ONNX Runtime int8": _onnxruntime(ONNX8),
    "ONNX Runtime float32": _onnxruntime(ONNX32),
}
PACKAGES = {  # the package of each, its arithmetic, and the file that it runs
    "TFLite Micro": ("tflite-micro", "int8", INT8),
    "LiteRT (XNNPACK)": ("ai-edge-litert", "int8", INT8),
    "ONNX Runtime int8": ("onnxruntime", "int8", ONNX8),
    "ONNX Runtime float32": ("onnxruntime", "float32", ONNX32),
}
