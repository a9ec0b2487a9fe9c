"""What all tests need: products made once a session, and a Ctrl-C that works."""

import signal

collect_ignore = ["on_board"]  # `esp8k test-board` runs those, with a board
pytest_plugins = [
    "tests.support.products",
    "tests.support.components",
    "tests.support.echo",
    "tests.support.link",
    "tests.support.browser",
    "tests.support.file_operations",
]

# A shell that starts us in the background leaves Ctrl-C ignored, for us and for every
# program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
