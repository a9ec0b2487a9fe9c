"""Kernels of the int16 engine, in portable C."""
