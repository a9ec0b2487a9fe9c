"""The fast forward and backward pass, in our own C."""
