"""The folder with which a stock MLPerf Tiny runner drives our firmware.

    esp8k mlperf-data --images 1000

writes `build/mlperf/`: the test images as raw .bin files, y_labels.csv, the test
scripts and a device list. In a checkout of mlcommons/tiny, benchmark/runner, with the
board on USB and FOLDER the path that this command prints:

    cp FOLDER/devices.yaml .
    python main.py -t FOLDER/tests_accuracy.yaml -s FOLDER/datasets -m a
    python main.py -t FOLDER/tests_performance.yaml -s FOLDER/datasets -m p

A board that resets itself when the port is opened greets the runner, which takes the
greeting's m-ready for an answer: `stty -F /dev/ttyUSB0 -hupcl` keeps it running.

A runner wants each of its five loops to last 10 s, and gives an infer up after 30 s
without a line (any other command after 5 s): with --port the board is asked how long an
inference takes, and a loop will last 12 s. Without a board at hand, --microseconds says
it, as make classify shows them; without either the loops are for a board that takes
10 ms. The firmware runs at most 100,000 inferences a loop: what takes less than 100 us
each (a host process does) is too fast for a runner's 10 s.

The firmware calls its model mnist01: it is none of MLPerf's own four, and the result
is no MLPerf result; what is theirs is the way of measuring.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.cli import parse, require_range
from core.errors import Esp8kError
from core.files import staged
from core.paths import build_root, model_dir
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from tools.link.client import Device

MODEL = "mnist01"  # what the firmware answers to `profile`
CLASSES = 10
LOOPS = 5  # a runner in performance mode wants exactly these
LOOP_US = 12_000_000  # above the 10 s that it wants, below its 30 s for an infer
ASKED = 5  # images, of which the slowest counts
MOST_ITERATIONS = 100_000  # APP_MAX_ITERATIONS of the firmware
TRUTH = "y_labels.csv"

SCRIPT = """\
{model}:
  name: digit_classification
  model: {model}
  truth_file: {truth}
  script:
    - loop {loops}:
      - download
      - infer {iterations} {warmups}
"""

DEVICES = """\
# USB chips of ESP32 boards: CP210x, CH340, CH9102, FTDI, Espressif's own
- name: esp8k
  type: dut
  baud: 115200
  usb:
    0x10C4: 0xEA60
    0x1A86:
      - 0x7523
      - 0x55D4
    0x0403: 0x6001
    0x303A: 0x1001
"""


@dataclass(frozen=True)
class Config:
    """Options of `esp8k mlperf-data`."""

    model: ModelName = DEFAULT_MODEL  # whose data set, if it is exported
    images: int = 1000  # test images for accuracy mode
    iterations: int = 1200  # inferences a loop: 12 s for a board that takes 10 ms
    microseconds: int = 0  # of an inference: sets --iterations for 12 s a loop
    port: str | None = None  # of a board that is asked for those microseconds
    warmups: int = 10  # inferences before them
    json: bool = False  # print what was written as JSON


def measured(config: Config, images: np.ndarray) -> Config:
    """With the slowest of a few inferences by the board's own clock, if it has one."""
    if not config.port:
        return config
    with Device.open(config.port) as device:
        results = [device.infer("int8", image) for image in images[:ASKED]]
    slowest = max(result.microseconds or 0 for result in results)
    return replace(config, microseconds=slowest)


def inferences(config: Config) -> int:
    """Inferences a loop."""
    if config.microseconds:
        wanted = round(LOOP_US / config.microseconds)
        return min(max(wanted, 1), MOST_ITERATIONS)
    return config.iterations


def write(config: Config, images: np.ndarray, labels: np.ndarray) -> Path:
    """Write the folder; give its path."""
    require_range(config, images=(CLASSES, len(images)))
    if absent := sorted(set(range(CLASSES)) - set(labels[: config.images].tolist())):
        names = ", ".join(map(str, absent))
        enough = max(labels.tolist().index(one) for one in absent) + 1
        raise Esp8kError(
            f"the first {config.images} images hold no {names}: a runner wants all",
            f"--images {enough} or more",
        )
    timed = inferences(config)
    folder = build_root() / "mlperf"
    with staged(folder, last="devices.yaml") as fresh:
        inputs = fresh / "datasets" / MODEL
        inputs.mkdir(parents=True)
        rows = []
        for number in range(config.images):
            name = f"digit_{number:05}.bin"
            (inputs / name).write_bytes(images[number].tobytes())
            rows.append(f"{name},{CLASSES},{labels[number]}\n")
        (inputs / TRUTH).write_text("".join(rows))
        scripts = {
            "tests_accuracy.yaml": (config.images, 1, 0),
            "tests_performance.yaml": (LOOPS, timed, config.warmups),
        }
        for name, (loops, iterations, warmups) in scripts.items():
            text = SCRIPT.format(
                model=MODEL,
                truth=TRUTH,
                loops=loops,
                iterations=iterations,
                warmups=warmups,
            )
            (fresh / name).write_text(text)
        (fresh / "devices.yaml").write_text(DEVICES)
    return folder


def main(argv: Sequence[str] | None = None) -> int:
    from training import data

    config = parse(Config, argv, "mlperf-data", __doc__ or "")
    require_range(config, iterations=(1, MOST_ITERATIONS), warmups=(0, MOST_ITERATIONS))
    require_range(config, microseconds=(0, 10**9))
    own = data.of_exported(model_dir(config.model))
    images, labels = np.asarray(own.test_images), np.asarray(own.test_labels)
    timed = measured(config, images)
    folder = write(timed, images, labels)
    if config.json:
        counts = {"images": timed.images, "microseconds": timed.microseconds}
        counts |= {"iterations": inferences(timed), "warmups": timed.warmups}
        print(for_json({"folder": str(folder), "model": MODEL, **counts}))
    else:
        print(folder)
    return 0


if __name__ == "__main__":
    run(main)
