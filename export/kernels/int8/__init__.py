"""Kernels of the int8 engine in portable C."""
