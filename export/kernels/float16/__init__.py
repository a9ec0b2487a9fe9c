"""Kernels of the float16 engine."""
