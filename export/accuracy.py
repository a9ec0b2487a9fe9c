"""How accurate a checkpoint is once it is quantized to int8.

    percent = int8_accuracy(Path("build/v2/model.pt"))

In memory: no file is written, and no C.
"""

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
