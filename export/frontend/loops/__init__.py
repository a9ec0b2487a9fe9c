"""Loops of a .tflite: each turn written out, an LSTM's turns one operator again."""
