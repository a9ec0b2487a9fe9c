"""What the command `esp8k` begins with: from here on Ctrl-C ends it quietly.

Nothing is imported before `try`: most of a command's first tenths of a second go there.
"""

import sys

INTERRUPTED = 130  # core.errors has it, which is not imported yet


def program() -> None:
    """`tools.main`'s, once it is there."""
    try:
        from tools.main import program as command
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    command()
