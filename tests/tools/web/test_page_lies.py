"""A board behind Web Serial that lies: the page says what was wrong, and goes on."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from core.words import ENGINES
from tests.support.browser import open_page, put_serial
from tests.support.layouts import ANSWER
from tests.support.lying_device import (
    ANSWERS,
    ENDS,
    F16_ANSWERS,
    HELLOS,
    LyingDevice,
    honest_hello,
    named,
)
from tools.link.framing import REPLY, REPLY_ERROR, REPLY_MISSING, Frame, Request
from tools.link.messages import parse_identity, parse_result
from tools.link.schema import Malformed

HELLO, INFER = Request.HELLO, Request.INFER
MARKUP = b"<img src=x onerror=document.body.remove()>" * 6
TYPED = [
    (REPLY_MISSING, b"\1\0\0\0", "sent whole"),
    (REPLY_ERROR, b"", "0 bytes, at least 2"),
    (REPLY_ERROR, b"\2\x55", "an ERROR's request is 85"),
    (REPLY_ERROR, b"\x63", "1 bytes, at least 2"),
]
LIES = [
    *((HELLO, HELLO | REPLY, told, match) for match, told in HELLOS.items()),
    *((INFER, INFER | REPLY, told, match) for match, told in ANSWERS.items()),
    *((kind, *typed) for kind in (HELLO, INFER) for typed in TYPED),
    (INFER, REPLY_ERROR, bytes([99, INFER]), "does not know (error 99)"),
]


class Port:
    """The page's serial port, and who answers behind it: changed as one likes."""

    def __init__(self, page: Page, identity: int) -> None:
        self.identity = identity
        self.reader, self.writer = os.pipe()
        put_serial(page, self.reader, self.take)
        self.lies: dict[Request, tuple[int, bytes] | None] = {}
        self._device = LyingDevice(self._lie, identity=identity)

    def take(self, data: bytes) -> None:
        """What the page sent."""
        self._device.write(data)
        while reply := self._device.read(1.0):
            os.write(self.writer, reply)

    def _lie(self, frame: Frame, reply: int, told: bytes) -> tuple[int, bytes] | None:
        kind = Request(frame.type)
        if kind in self.lies:
            return self.lies[kind]
        return reply, self.hello() if kind == HELLO else told

    def hello(self, model: bytes = b"v2", board: bytes = b"liar", **other) -> bytes:
        """A right reply but for what is given."""
        fixed = honest_hello(**{"identity_crc": self.identity, **other})
        return fixed + named(model, board) + b"boot"


@pytest.fixture
def port(page: Page, page_folder: Path) -> Iterator[Port]:
    told = json.loads((page_folder.parent / "model.json").read_text())
    made = Port(page, told["identity_crc"])
    yield made
    os.close(made.writer)
    os.close(made.reader)


def says(page: Page, text: str) -> Locator:
    """Waits until the page says it, in whatever case."""
    told = page.locator("#told")
    expect(told).to_contain_text(text, ignore_case=True)
    return told


def connect(page: Page, text: str) -> None:
    """The board is met, and what it answers is told."""
    page.click("#connect")
    says(page, text)
    expect(page.locator("#told")).to_have_class("told bad")
    expect(page.locator("#connect")).to_have_text("Connect")


def test_what_is_wrong_is_said(page: Page, site: str, port: Port) -> None:
    open_page(page, site)
    page.click("#sample")
    expect(page.locator("#caption")).to_contain_text("Test image")
    for kind, told, payload, match in LIES:
        port.lies = {kind: (told, payload)}
        connect(page, match)
        assert kind.name in page.inner_text("#told")
    for classes in (7, 64):
        port.lies = {HELLO: (HELLO | REPLY, port.hello(classes=classes))}
        connect(page, f"but with {classes} classes")
    another = port.hello(b"v1", identity_crc=port.identity ^ 1)
    port.lies = {HELLO: (HELLO | REPLY, another)}
    connect(page, "install this page's firmware")
    port.lies = {HELLO: (HELLO | REPLY, port.hello(engines=2))}
    connect(page, "no engine int8")
    page.check("[value=f16]", force=True)
    for match, payload in F16_ANSWERS.items():
        port.lies = {INFER: (INFER | REPLY, payload)}
        connect(page, match)
    port.lies = {}
    page.click("#connect")
    expect(page.locator("#equal")).to_have_text("10 of 10 logits differ")


JUDGE = """
async told => {
  const { parseHello, parseAnswer, LinkError } = await import("./reply.js");
  const refused = ([engine, bytes]) => {
    const view = new DataView(Uint8Array.from(bytes).buffer);
    try {
      if (engine) parseAnswer(view, engine, 10); else parseHello(view, 784);
      return false;
    } catch (error) {
      if (error instanceof LinkError) return true;
      throw error;
    }
  };
  return told.map(refused);
}
"""


def changed(payload: bytes) -> list[bytes]:
    """Every truncation of it, and every byte another."""
    cut = [payload[:length] for length in range(len(payload) + 1)]
    other = (b"\0", b"\1", b"\x1b", b"\x7f", b"\x80", b"\xff")
    return cut + [
        payload[:at] + value + payload[at + 1 :]
        for at in range(len(payload))
        for value in other
    ]


def test_page_and_host_refuse_the_same_replies(page: Page, site: str) -> None:
    def refused(engine: str, payload: bytes) -> bool:
        try:
            if engine:
                parse_result(payload, engine, 10)
            else:
                parse_identity(payload)
        except Malformed:
            return True
        return False

    told = [("", one) for one in changed(honest_hello() + ENDS)]
    for number, engine in enumerate(ENGINES):
        kind = np.dtype("<f4") if number else np.dtype(np.int8)
        logits = np.arange(-4, 6).astype(kind).tobytes()
        answer = ANSWER.pack(number, 9, 1000, 0) + logits
        told += [(engine, one) for one in changed(answer)]
    open_page(page, site)
    by_page = page.evaluate(JUDGE, [[engine, list(one)] for engine, one in told])
    by_host = [refused(*one) for one in told]
    assert by_page == by_host
    assert 200 < sum(by_host) < len(told) - 200


def test_markup_in_a_name_is_text(page: Page, site: str, port: Port) -> None:
    page.set_viewport_size({"width": 320, "height": 900})
    open_page(page, site)
    images = page.locator("img").count()
    port.lies = {HELLO: (HELLO | REPLY, port.hello(MARKUP, MARKUP))}
    page.click("#connect")
    says(page, MARKUP.decode())
    assert MARKUP.decode() in page.inner_text("#where")
    assert page.locator("img").count() == images
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_silence_and_another_firmware_come_to_an_end(
    page: Page, site: str, port: Port
) -> None:
    page.clock.install()
    open_page(page, site)
    page.click("#sample")
    for text, told in ((b"", "does not answer"), (b"Arduino", "not this firmware")):
        port.lies = {HELLO: None}
        page.click("#connect")
        os.write(port.writer, text)
        says(page, "waiting for the board")
        page.clock.run_for(9_000)
        says(page, told)
    port.lies = {INFER: None}
    page.click("#connect")
    says(page, "runs this very model")
    page.clock.run_for(30_000)
    says(page, "does not answer")


def test_a_slow_board_is_waited_for_in_words_and_compared_once(
    page: Page, site: str, port: Port
) -> None:
    open_page(page, site)
    page.evaluate("""() => {
      window.asked = 0;
      const { requestPort } = navigator.serial;
      navigator.serial.requestPort = () => { window.asked++; return requestPort(); };
    }""")
    port.lies = {HELLO: None}
    page.evaluate(
        "() => { const it = document.getElementById('connect');"
        " it.click(); it.click(); }"
    )
    says(page, "waiting for the board")
    port.lies = {INFER: None}
    says(page, "runs this very model")
    assert page.evaluate("window.asked") == 1
    page.click("#sample")
    expect(page.locator("#board-time")).to_have_text("is waited for")
    for count in ("-5", "0", "1.9", ""):
        page.fill("#count", count)
        page.click("#record")
        says(page, "a whole number from 1 to 10000")
    page.fill("#count", "9")
    page.click("#record")
    says(page, "compute the same test images")
    for _ in range(2):  # who presses again starts no second comparison
        page.click("#record")
        expect(page.locator("#record")).to_have_text("Stopping")
    port.lies = {}
    expect(page.locator("#record")).to_have_text("Compare", timeout=20_000)
    says(page, "test images in")
