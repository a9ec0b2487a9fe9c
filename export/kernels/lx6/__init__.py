"""Kernels for the LX6 core of the classic ESP32: MAC16, MULSH, loops."""
