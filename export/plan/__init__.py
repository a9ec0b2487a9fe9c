"""Where everything lies and what it costs: arena, overlap, tiles, rows."""
