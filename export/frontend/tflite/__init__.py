"""A float .tflite on its way to integers: made, its shapes settled, quantized, run."""
