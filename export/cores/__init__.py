"""Cores with kernels of their own, a folder each."""
