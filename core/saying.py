"""What a command tells while it works: on stderr, for stdout holds the result."""

import sys
from collections.abc import Callable

from core.text import for_terminal

Say = Callable[[str], None]  # takes a line


def say(text: str) -> None:
    """A line, at once."""
    print(for_terminal(text), file=sys.stderr, flush=True)
