"""ONNX files: read and made plain, then each operator as TensorFlow calls."""
