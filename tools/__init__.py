"""Stage 3: boards, the serial link, and the host's side of every comparison."""
