"""The oracles: a network in numpy and by TensorFlow Lite Micro."""
