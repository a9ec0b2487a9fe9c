"""Keras files: those of Keras 2, those that do not load, recurrent layers."""
