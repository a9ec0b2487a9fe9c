"""Instructions and bytes, ours beside the rivals."""
