"""Bad lines, and what the link makes of them."""
