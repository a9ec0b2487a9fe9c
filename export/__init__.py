"""Stage 2: a checkpoint to ONNX, TFLite and generated C."""
