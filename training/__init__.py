"""Stage 1: MNIST to a trained checkpoint, `build/<model>/model.pt`."""
