"""What comes in: checkpoints and ONNX become a .tflite, and what is taken is said."""
