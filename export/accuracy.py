"""How accurate a checkpoint is once it is quantized to int8.

    percent = int8_accuracy(Path("build/v2/model.pt"))

    python -m export.accuracy build/v2/model.pt ...    # a line "int8 99.4100" for each

In memory: no file is written, and no C.
"""

import sys
from pathlib import Path

from export import pipeline
from export.graph.read import read_tflite
from export.reference import int8
from export.verify import quantized_input
from training import checkpoint as checkpoints
from training.data import of_model


def int8_accuracy(path: Path) -> float:
    """Percent of the test images that the int8 network classifies rightly."""
    point = checkpoints.load(path)
    data = of_model(point.config)
    images = pipeline.calibration(data)
    _, tflite = pipeline.int8_tflite(point.module(), images)
    network = read_tflite(tflite, point.model)
    logits = int8.outputs(network, quantized_input(network, data.test_images))
    return float((logits.argmax(1) == data.test_labels).mean() * 100)


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(f"int8 {int8_accuracy(Path(given)):.4f}", flush=True)
