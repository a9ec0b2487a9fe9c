"""From a planned network to C files, and those built for this machine."""
