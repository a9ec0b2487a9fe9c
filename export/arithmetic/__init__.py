"""The specification: every rounding, once."""
