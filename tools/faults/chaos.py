"""Requests over a line that loses, damages and repeats bytes: is any answer wrong?

    esp8k chaos --requests 100000 --rate 0.01 --model v2
    esp8k chaos --requests 2000 --board twin  # real time, on a PTY

By default the firmware's own C runs in this process behind a 115200 baud line in
virtual time (`tools.faults.loopback`): the same seed gives the same run, seconds of
timeouts cost nothing, and the board crashes every --crash-every requests. With
--board or --port the faults lie between this program and that device. Exit code 1 if
an answer was wrong, a request got none (--most-failed lets some), or was neither
answered nor reported in its time; if a crash went unnoticed, or came of itself.
"""

import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress

from core.cli import SEEDS, parse, require_range
from core.errors import CheckFailed, DeviceError
from core.paths import model_dir
from core.program import run
from core.text import for_json
from core.words import DEFAULT_MODEL, ModelName
from tools.faults.line import Faults, FaultyLine
from tools.faults.loopback import MemoryBoard, MemoryLine, build_library
from tools.faults.proxy import FaultyProxy
from tools.link.client import Device
from tools.link.messages import Result
from tools.link.session import REQUEST_BUDGET_S

IMAGES = 256  # different ones, drawn from the test set
GRACE_S = 2.0 * 4  # over the budget: a hello after a reset, its longest wait
HANG_S = 120  # of real time in one request
SHARES = {"infer int8": 80, "infer f16": 10, "stage crcs": 5, "statistics": 5}


@dataclass(frozen=True)
class Config:
    """Options of `esp8k chaos`."""

    requests: int = 100_000  # how many
    rate: float = 0.01  # share of bytes hit by a fault
    seed: int = 0  # of faults, images and kinds of request
    model: ModelName = DEFAULT_MODEL  # exported model that the firmware runs
    board: str | None = None  # board instead of the one in memory, e.g. twin
    port: str | None = None  # port instead of the board in memory
    crash_every: int = 2_000  # requests between two crashes (memory; 0: none)
    most_failed: int = 0  # requests that may be given up, on a very bad line
    json: bool = False  # print the figures as JSON


@dataclass
class Figures:
    """What came of it."""

    requests: int = 0
    answered: int = 0
    failed: int = 0  # reported as failed, in time
    wrong: int = 0
    hangs: int = 0  # neither answered nor reported in time
    crashes: int = 0
    resets_noticed: int = 0
    seconds: list[float] = field(default_factory=list)


class Oracle:
    """Requests and the answers that a clean line gave to them."""

    def __init__(self, device: Device, images: np.ndarray) -> None:
        self.images = images
        self.answers = {
            engine: [result_key(r) for r in device.infer_many(engine, images)]
            for engine in ("int8", "f16")
        }
        self.crcs = [device.stage_crcs("int8", image) for image in images]

    def ask(self, device: Device, kind: str, index: int) -> bool:
        """Make one request; is the answer right?"""
        image = self.images[index]
        if kind == "statistics":
            return device.statistics().frames > 0
        if kind == "stage crcs":
            return device.stage_crcs("int8", image) == self.crcs[index]
        engine = kind.split()[1]
        return result_key(device.infer(engine, image)) == self.answers[engine][index]


def result_key(result: Result) -> tuple[int, bytes]:
    return result.label, result.logits.tobytes()


class Hang(Exception):
    """A request took HANG_S of real time."""


@contextlib.contextmanager
def watchdog() -> Iterator[None]:
    """Turns a request that never comes back into a `Hang`."""

    def ring(*_: object) -> None:
        raise Hang

    if not hasattr(signal, "SIGALRM"):
        yield
        return
    old = signal.signal(signal.SIGALRM, ring)
    signal.alarm(HANG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def storm(
    device: Device,
    oracle: Oracle,
    config: Config,
    crash: Callable[[], None] | None,
    progress: Callable[[], None] = lambda: None,
) -> Figures:
    """All requests, one after the other."""
    figures = Figures()
    draw = random.Random(config.seed)
    clock = device.session.transport.clock
    kinds = draw.choices(list(SHARES), list(SHARES.values()), k=config.requests)
    for number, kind in enumerate(kinds, 1):
        if crash and config.crash_every and number % config.crash_every == 0:
            crash()
            figures.crashes += 1
        start = clock()
        try:
            with watchdog():
                right = oracle.ask(device, kind, draw.randrange(len(oracle.images)))
            figures.answered += 1
            figures.wrong += not right
        except DeviceError:
            figures.failed += 1
        except Hang:
            figures.hangs += 1
        took = clock() - start
        figures.hangs += took > REQUEST_BUDGET_S + GRACE_S
        figures.seconds.append(took)
        figures.requests += 1
        progress()
    with contextlib.suppress(DeviceError):
        device.meeting.look_again()  # a crash that no later request told of
    figures.resets_noticed = device.resets
    return figures


def summary(
    figures: Figures, device: Device, lines: list[FaultyLine]
) -> dict[str, Any]:
    """Everything as one flat record."""
    record = asdict(figures)
    seconds = np.array(record.pop("seconds") or [0.0])
    for name, share in (("median", 50), ("p99", 99), ("longest", 100)):
        record[f"seconds_{name}"] = round(float(np.percentile(seconds, share)), 3)
    record["bytes"] = sum(line.bytes for line in lines)
    record["faults"] = {
        kind: sum(line.counts[kind] for line in lines) for kind in lines[0].counts
    }
    record |= {f"line_{k}": v for k, v in asdict(device.session.counts).items()}
    return record


def images_of(count: int, seed: int) -> np.ndarray:
    from training import data

    test = np.asarray(data.load().test_images)
    return test[np.random.default_rng(seed).choice(len(test), count, replace=False)]


def in_memory(
    config: Config, images: np.ndarray, component: Path, progress: Callable[[], None]
) -> dict[str, Any]:
    """The firmware in this process, in virtual time."""
    library = build_library(component)
    oracle = Oracle(Device(MemoryLine(MemoryBoard(library))), images)
    faults = Faults(rate=config.rate)
    up, down = (FaultyLine(faults, 2 * config.seed + side) for side in (0, 1))
    line = MemoryLine(MemoryBoard(library), up, down)
    device = Device(line, lambda message: None)
    figures = storm(device, oracle, config, line.reset, progress)
    return summary(figures, device, [up, down]) | {"where": "memory, virtual time"}


def on_port(
    config: Config, images: np.ndarray, progress: Callable[[], None]
) -> dict[str, Any]:
    """A device behind a port, in real time."""
    from tools.boards import boards

    board = boards.choose(config.board, config.port)
    with boards.open_port(board, config.model) as port:
        with Device.open(port) as clean:
            oracle = Oracle(clean, images)
        faults = Faults(rate=config.rate)
        with FaultyProxy(port, faults, config.seed) as proxy:
            return through(proxy, oracle, config, progress)


def through(
    proxy: FaultyProxy, oracle: Oracle, config: Config, progress: Callable[[], None]
) -> dict[str, Any]:
    with Device.open(proxy.port, say=lambda message: None) as device:
        figures = storm(device, oracle, config, None, progress)
        where = f"{config.board or config.port}, real time"
        return summary(figures, device, [proxy.up, proxy.down]) | {"where": where}


def main(argv: Sequence[str] | None = None) -> int:
    config = parse(Config, argv, "chaos", __doc__ or "")
    require_range(config, requests=(1, 10**9), rate=(0, 1), seed=SEEDS)
    require_range(config, crash_every=(0, 10**9), most_failed=(0, 10**9))
    start = time.monotonic()
    images = images_of(IMAGES, config.seed)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("requests", total=config.requests)
        step = partial(bar.advance, task)
        if config.board or config.port:
            record = on_port(config, images, step)
        else:
            component = model_dir(config.model) / "component"
            record = in_memory(config, images, component, step)
    record["real_seconds"] = round(time.monotonic() - start, 1)
    if config.json:
        print(for_json(record))
    else:
        for name, value in record.items():
            print(f"{name:18} {_told(value)}")
    require(record, config)
    return 0


def _told(value: Any) -> str:
    """A figure; several of a kind as words."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    return str(value)


def require(record: dict[str, Any], config: Config) -> None:
    """Every request answered rightly, every crash noticed, and none but those."""
    missed = record["crashes"] - record["resets_noticed"]
    faults = {
        "wrong answers": record["wrong"],
        "hangs": record["hangs"],
        "requests without an answer": max(0, record["failed"] - config.most_failed),
        "crashes unnoticed": max(0, missed),
        "crashes of its own": max(0, -missed),
    }
    found = [f"{count} {what}" for what, count in faults.items() if count]
    if found:
        again = f"the same run again: --seed {config.seed}"
        raise CheckFailed(", ".join(found), again)


if __name__ == "__main__":
    run(main)
