"""Any picture of a digit to 28x28 as in MNIST: open, find the ink, place it."""
