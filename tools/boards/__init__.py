"""Which board, how its firmware is built, flashed, run and weighed."""
