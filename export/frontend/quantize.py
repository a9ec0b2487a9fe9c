"""The int8 ONNX: quantize-dequantize pairs, per-channel weights, min-max ranges."""

import logging
import warnings

import numpy as np

from core.files import scratch
from export.frontend.tensorflow import silent


def quantize_onnx(model: bytes, calibration: np.ndarray) -> bytes:
    """Quantize a float ONNX model with calibration inputs in its own layout."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.images = iter(calibration.astype(np.float32))

        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(self.images, None)
            return None if image is None else {"image": image[None]}

    logging.getLogger().setLevel(logging.ERROR)
    with (
        scratch() as folder,
        warnings.catch_warnings(),
        silent(),
    ):
        warnings.simplefilter("ignore")
        source, target = folder / "float.onnx", folder / "int8.onnx"
        source.write_bytes(model)
        quantize_static(
            str(source),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return target.read_bytes()
