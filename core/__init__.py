"""What every stage uses: errors, command lines, files, words, pictures, doubt."""

import os
import sys

# Else ONNX Runtime keeps a number of this computer and a list of events for its maker
# below ~/.cache/Microsoft, and a thread for them.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray Tune as well, for a sweep

# Before a line that such a Python cannot read; pip would refuse it, nobody asked pip.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.stderr.write(
        "error: esp8k needs Python 3.11 or newer, this is {}.{}\n"
        "hint:  run .venv/bin/esp8k; where there is none: make setup\n".format(
            *sys.version_info
        )
    )
    raise SystemExit(2)
