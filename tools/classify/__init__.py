"""A picture to a digit, on the board and on the host."""
