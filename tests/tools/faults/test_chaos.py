"""A bad line costs time, never an answer: the small runs of `make chaos`."""

import os
import time
import tty
from contextlib import suppress
from pathlib import Path

import pytest
import serial

from core.errors import CheckFailed, DeviceError
from tests.support.link import FAKE, random_images
from tools.faults import chaos
from tools.faults.line import KINDS, Faults, FaultyLine
from tools.faults.loopback import MemoryBoard, MemoryLine, build_library
from tools.faults.proxy import FaultyProxy

IMAGES = random_images(32, seed=9)


def run(requests: int, rate: float, seed: int) -> dict:
    config = chaos.Config(requests=requests, rate=rate, seed=seed, crash_every=250)
    return chaos.in_memory(config, IMAGES, FAKE, lambda: None)


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.01])
def test_no_answer_is_wrong_and_none_is_missing(rate: float) -> None:
    record = run(1500, rate, seed=1)
    assert record["wrong"] == record["hangs"] == 0
    assert record["answered"] + record["failed"] == record["requests"] == 1500
    assert record["failed"] <= 2
    assert record["crashes"] == 6 and record["resets_noticed"] == 6
    assert (record["line_fragments"] < 1000) == (rate == 0.0)


def test_a_line_too_bad_to_use_is_reported_in_time(library: Path) -> None:
    line = MemoryLine(MemoryBoard(library))
    device = chaos.Device(line, lambda message: None)
    oracle = chaos.Oracle(device, IMAGES)
    line.up = FaultyLine(Faults(rate=0.15), 2)
    line.down = FaultyLine(Faults(rate=0.15), 3)
    figures = chaos.storm(device, oracle, chaos.Config(requests=40), None)
    assert figures.wrong == figures.hangs == 0
    assert figures.failed > 10 and figures.answered + figures.failed == 40


def test_what_is_missing_or_unnoticed_fails() -> None:
    """722 of 2,000 requests failed at 3 %, and the status was 0."""
    sound = dict(wrong=0, hangs=0, failed=0, crashes=2, resets_noticed=2)
    chaos.require(sound, chaos.Config())
    chaos.require(sound | {"failed": 3}, chaos.Config(most_failed=3))
    for record, told in (
        ({"failed": 722}, "722 requests without an answer"),
        ({"resets_noticed": 1}, "1 crashes unnoticed"),
        ({"resets_noticed": 5}, "3 crashes of its own"),
        ({"wrong": 1, "hangs": 2}, "1 wrong answers, 2 hangs"),
    ):
        with pytest.raises(CheckFailed, match=told):
            chaos.require(sound | record, chaos.Config())


def test_a_crash_that_no_later_request_tells_of_is_noticed(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = MemoryLine(MemoryBoard(library))
    device = chaos.Device(line, lambda message: None)
    oracle = chaos.Oracle(device, IMAGES[:1])
    monkeypatch.setattr(oracle, "ask", lambda *_: True)  # nothing goes over the line
    config = chaos.Config(requests=5, crash_every=5)
    figures = chaos.storm(device, oracle, config, line.reset)
    assert figures.crashes == figures.resets_noticed == 1


def test_the_same_seed_gives_the_same_run() -> None:
    assert run(200, 0.01, seed=3) == run(200, 0.01, seed=3)


def test_a_wrong_answer_is_seen(library: Path) -> None:
    """The check that cannot fail is no check: spoil one expected answer."""
    device = chaos.Device(MemoryLine(MemoryBoard(library)))
    oracle = chaos.Oracle(device, IMAGES)
    label, logits = oracle.answers["int8"][3]
    oracle.answers["int8"][3] = (label, logits[::-1])
    assert oracle.ask(device, "infer int8", 2)
    assert not oracle.ask(device, "infer int8", 3)


def test_faults_come_at_the_rate_asked_for_and_of_every_kind() -> None:
    line = FaultyLine(Faults(rate=0.01), seed=4)
    for number in range(1000):
        line.send(bytes(range(200)), float(number))
    hit = sum(line.counts[kind] for kind in KINDS)
    assert 0.009 < hit / line.bytes < 0.011
    assert all(line.counts[kind] > 300 for kind in KINDS)
    assert line.counts["text"] + line.counts["cut"] > 0


def test_a_line_without_faults_changes_nothing() -> None:
    line = FaultyLine(Faults(rate=0, text_rate=0, cut_rate=0), seed=4)
    assert line.send(b"abc" * 1000, 0.0) == (b"abc" * 1000, 0.0)


def test_the_proxy_in_real_time_loses_no_answer(behind_pty) -> None:  # type: ignore
    board = MemoryBoard(build_library(FAKE))
    board.boot()
    host = behind_pty(board.feed)
    with chaos.Device.open(host.port) as clean:
        oracle = chaos.Oracle(clean, IMAGES[:4])
    faults = Faults(rate=0.002, cut_rate=0)
    with FaultyProxy(host.port, faults, seed=1) as proxy:
        config = chaos.Config(requests=20, seed=1)
        record = chaos.through(proxy, oracle, config, lambda: None)
    assert record["wrong"] == record["hangs"] == 0
    assert record["answered"] == 20
    assert sum(record["faults"].values()) > 0


def test_both_ways_at_once_through_the_proxy_lose_nothing(behind_pty) -> None:  # type: ignore
    """What a writer heard was lost to the reader beside it, which then ended."""
    said = bytes(range(256)) * 2_000
    host = behind_pty(lambda data: data)  # an echo
    faults = Faults(rate=0, text_rate=0, cut_rate=0)
    with FaultyProxy(host.port, faults, seed=1) as proxy:
        with serial.Serial(proxy.port, timeout=5) as line:
            heard = b""
            for at in range(0, len(said), 640):
                line.write(said[at : at + 640])
                heard += line.read(line.in_waiting)
            heard += line.read(len(said) - len(heard))
    assert heard == said


def test_a_proxy_tells_that_its_device_is_gone() -> None:
    device, name = os.openpty()
    tty.setraw(name)
    with FaultyProxy(os.ttyname(name), Faults(rate=0), seed=1) as proxy:
        os.close(name)
        os.close(device)
        with pytest.raises(DeviceError, match="is gone"):
            proxy.wait()


def test_a_proxy_ends_beside_a_client_that_reads_nothing() -> None:
    device, name = os.openpty()
    tty.setraw(name)
    os.set_blocking(device, False)
    faults = Faults(rate=0, text_rate=0, cut_rate=0)
    proxy = FaultyProxy(os.ttyname(name), faults, seed=1)
    with serial.Serial(proxy.port):
        for _ in range(40):  # more than both PTYs hold
            with suppress(BlockingIOError):
                os.write(device, bytes(1_000))
            time.sleep(0.01)
        began = time.monotonic()
        with proxy:
            pass
        assert time.monotonic() - began < 2
    os.close(name)
    os.close(device)
