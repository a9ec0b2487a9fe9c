"""What all tests need: products made once a session, and a Ctrl-C that works."""

import os
import signal
import sys

collect_ignore = ["on_board"]  # `esp8k test-board` runs those, with a board
pytest_plugins = [
    "tests.support.products",
    "tests.support.components",
    "tests.support.echo",
    "tests.support.link",
    "tests.support.browser",
    "tests.support.file_operations",
]

# A shell that starts us in the background leaves Ctrl-C ignored, nohup a terminal that
# closes: for us, and for every program that a test starts and ends by such a signal.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Where nobody keeps bytecode, each program that a test starts would compile all of our
# sources anew: some hundred times.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
