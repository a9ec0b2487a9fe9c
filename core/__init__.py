"""What every stage uses: errors, command lines, paths, files, words."""

import sys

# Before a line that such a Python cannot read; pip would refuse it, nobody asked pip.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write(
        "error: esp8k needs Python 3.11 or newer, this is {}.{}\n"
        "hint:  run .venv/bin/esp8k; where there is none: make setup\n".format(
            *sys.version_info
        )
    )
    raise SystemExit(2)
