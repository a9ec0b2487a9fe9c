"""What the report is about: answers of a device and of the host, and their statistics.

`collect` sends images through one or several open devices; `engine_statistics`
compares what came back with the host's own logits. No file is read or written here.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np

from core.digest import digest
from core.doubt import NO_DIGIT, SURE, UNSURE
from core.errors import DeviceError, Esp8kError
from core.statistics import confusion, mcnemar, wilson_percent
from tools.classify.host import Host
from tools.link.client import Device
from tools.link.messages import Result
from tools.report.content import (
    Accuracy,
    Differences,
    Doubts,
    EngineReport,
    Mistake,
    Spread,
)

FAILURES_IN_A_ROW = 3  # reopenings without one answer in between, then we give up

Opener = Callable[[], AbstractContextManager[Device]]
Check = Callable[[Device], None]  # may refuse a freshly opened device
Progress = Callable[[int], None]


# ==== Collecting answers ====


@dataclass
class Shard:
    """One device's part of the images, and what came back so far."""

    first: int  # index of its first image
    last: int  # exclusive
    answers: dict[str, list[Result]] = field(default_factory=dict)  # by engine
    resets: int = 0  # the device started anew; the client resumed
    losses: list[str] = field(default_factory=list)  # why it was opened again
    retries: int = 0  # frames sent again

    def done(self) -> int:
        """Answers so far, of all engines."""
        return sum(len(answers) for answers in self.answers.values())


@dataclass(frozen=True)
class Collected:
    """All answers, in the order of the images, and how the link behaved."""

    answers: dict[str, list[Result]]
    resets: int
    losses: list[str]
    retries: int

    @staticmethod
    def of(shards: Sequence[Shard], engines: Sequence[str]) -> "Collected":
        """What the shards brought, which lie in the order of their images."""
        return Collected(
            {e: [r for s in shards for r in s.answers[e]] for e in engines},
            sum(s.resets for s in shards),
            [loss for s in shards for loss in s.losses],
            sum(s.retries for s in shards),
        )


def collect(
    opener: Opener,
    check: Check,
    engines: Sequence[str],
    images: np.ndarray,
    workers: int,
    progress: Progress,
) -> Collected:
    """Classify `images` by every engine on `workers` devices at once.

    A device that resets in mid-batch costs time, not answers: the client resumes, and
    where even the port was lost the device is opened again at the first unanswered
    image; a `DeviceError` says that it does not come back. `check` may refuse a freshly
    opened device. `images` (N, 28, 28) uint8.
    """
    bounds = np.linspace(0, len(images), max(1, workers) + 1).astype(int).tolist()
    shards = [Shard(a, b) for a, b in zip(bounds, bounds[1:], strict=False)]
    stop = threading.Event()

    def work(shard: Shard) -> None:
        try:
            _run_shard(shard, opener, check, engines, images, progress, stop)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(len(shards)) as pool:
        futures = [pool.submit(work, shard) for shard in shards]
        try:
            # The first failure is the cause; the other shards only stop after it.
            errors = [f.exception() for f in futures]
        except BaseException:
            stop.set()
            raise
    for error in sorted((e for e in errors if e), key=lambda e: isinstance(e, Stopped)):
        raise error
    return Collected.of(shards, engines)


class Stopped(Esp8kError):
    """Another shard failed, so this one stopped."""


def _run_shard(
    shard: Shard,
    opener: Opener,
    check: Check,
    engines: Sequence[str],
    images: np.ndarray,
    progress: Progress,
    stop: threading.Event,
) -> None:
    shard.answers = {engine: [] for engine in engines}
    failures, before, greeted = 0, 0, False
    while True:
        try:
            with opener() as device:
                check(device)
                greeted = True
                try:
                    _ask(shard, device, images, progress, stop)
                finally:
                    shard.resets += getattr(device, "resets", 0)
                    session = getattr(device, "session", None)
                    shard.retries += session.counts.retries if session else 0
            return
        except DeviceError as error:
            failures = failures + 1 if shard.done() == before else 1
            # A device that never said hello is not there: say so at once.
            if not greeted or failures > FAILURES_IN_A_ROW:
                raise
            before = shard.done()
            shard.losses.append(error.message)


def _ask(
    shard: Shard,
    device: Device,
    images: np.ndarray,
    progress: Progress,
    stop: threading.Event,
) -> None:
    for engine, answers in shard.answers.items():
        rest = images[shard.first + len(answers) : shard.last]
        for result in device.infer_many(engine, rest):
            answers.append(result)
            progress(1)
            if stop.is_set():
                raise Stopped("stopped")


# ==== Statistics ====


def accuracy(truth: np.ndarray, said: np.ndarray) -> Accuracy:
    """Of labels (N,): right answers, their share in percent, its 95 % interval."""
    right, total = int((truth == said).sum()), len(truth)
    return {
        "right": right,
        "of": total,
        "percent": 100 * right / max(total, 1),
        "wilson95_percent": list(wilson_percent(right, total)),
    }


def differences(host: np.ndarray, device: np.ndarray) -> Differences:
    """Real-valued logits (N, 10) of the two: how far apart they are."""
    a, b = host.astype(np.float64), device.astype(np.float64)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = (a * b).sum(1) / np.where(norms == 0, 1, norms)
    # Rounding in the products must not make identical vectors look different.
    cosine = np.where((a == b).all(1), 1.0, np.minimum(cosine, 1.0))
    return {
        "max": float(np.abs(a - b).max(initial=0)),
        "rmse": float(np.sqrt(((a - b) ** 2).mean())) if a.size else 0.0,
        "cosine_mean": float(cosine.mean()) if a.size else 1.0,
        "cosine_min": float(cosine.min(initial=1.0)),
    }


def spread(values: Sequence[int | None]) -> Spread | None:
    """Minimum, median and maximum; None where nothing was measured."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    return {
        "n": len(known),
        "min": min(known),
        "median": float(np.median(known)),
        "max": max(known),
    }


def doubt_statistics(
    decisions: np.ndarray | None, said: np.ndarray, truth: np.ndarray
) -> Doubts | None:
    """How many of N answers are sure, and what they are worth; None without a doubt."""
    if decisions is None:
        return None
    sure, right = decisions == SURE, said == truth
    return {
        "sure": int(sure.sum()),
        "unsure": int((decisions == UNSURE).sum()),
        "no_digit": int((decisions == NO_DIGIT).sum()),
        "accuracy_of_sure": accuracy(truth[sure], said[sure]),
        "right_and_not_sure": int((right & ~sure).sum()),
        "wrong_and_not_sure": int((~right & ~sure).sum()),
        "wrong": int((~right).sum()),
    }


def engine_statistics(
    host: Host,
    engine: str,
    own: np.ndarray,
    answers: Sequence[Result],
    truth: np.ndarray,
    images: np.ndarray,
) -> EngineReport:
    """All of one engine, timing apart; `own`: the host's raw logits (N, classes)."""
    logits = np.stack([np.asarray(a.logits) for a in answers]).astype(own.dtype)
    device_labels = np.array([a.label for a in answers])
    host_labels = own.argmax(1)
    host_right, device_right = host_labels == truth, device_labels == truth
    only_host = int((host_right & ~device_right).sum())
    only_device = int((device_right & ~host_right).sum())
    return {
        "host": accuracy(truth, host_labels),
        "device": accuracy(truth, device_labels),
        "agreement": int((host_labels == device_labels).sum()),
        "mcnemar": {
            "only_host_right": only_host,
            "only_device_right": only_device,
            "p": mcnemar(only_host, only_device),
        },
        "logits": {
            "total": int(logits.size),
            "different": int((logits != own).sum()),
            **differences(host.real(engine, own), host.real(engine, logits)),
        },
        "digest": {"host": digest(own), "device": digest(logits)},
        "doubt": doubt_statistics(
            host.decision(engine, images, logits), device_labels, truth
        ),
        "label_is_argmax": bool((logits.argmax(1) == device_labels).all()),
        "confusion": confusion(truth, device_labels, own.shape[1]).tolist(),
        "misclassified": misclassified(truth, host_labels, device_labels),
    }


def misclassified(
    truth: np.ndarray, host: np.ndarray, device: np.ndarray
) -> list[Mistake]:
    """The images that one of the two has wrong; all labels are (N,)."""
    return [
        {
            "index": int(i),
            "true": int(truth[i]),
            "host": int(host[i]),
            "device": int(device[i]),
        }
        for i in np.flatnonzero((host != truth) | (device != truth))
    ]
