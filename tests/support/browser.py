"""Chromium over the page, a serial port of it that Python holds, a board behind it."""

import base64
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.products import TEST_BUILD, lock, newest
from tools.boards.boards import Board
from tools.web import build as web
from tools.web.draw import Config, site_of
from tools.web.guard import Site
from tools.web.line import BoardLine
from tools.web.server import Server

# A port of Web Serial whose bytes go through two functions of Python's.
SERIAL = """
(() => {
  const decode = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const encode = bytes => btoa(String.fromCharCode(...bytes));
  const port = {
    getInfo: () => ({ usbVendorId: 0x10c4, usbProductId: 0xea60 }),
    async open() {
      let closed = false;
      this.connected = true;
      this.readable = new ReadableStream({
        async pull(control) {
          while (!closed) {
            const text = await window.pythonRead();
            if (text === null) return control.close();
            if (text) return control.enqueue(decode(text));
          }
        },
        cancel() { closed = true; },
      }, { highWaterMark: 0 });
      this.writable = new WritableStream({
        write: bytes => window.pythonWrite(encode(bytes)),
      });
    },
    async close() { this.connected = false; },
    async setSignals() {},
    async getSignals() { return {}; },
    addEventListener() {}, removeEventListener() {},
  };
  const serial = { requestPort: async () => port, getPorts: async () => [port],
                   addEventListener() {}, removeEventListener() {} };
  Object.defineProperty(navigator, "serial", { value: serial, configurable: true });
})();
"""
READ_S = 0.02
TWIN = Board("twin", "host process")


class QuietHandler(SimpleHTTPRequestHandler):
    """A web server as any other, which says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a folder behind an ordinary web server."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def page_folder(flashed: Callable[[str, str], Path]) -> Path:
    """The page of v2, with the firmware for an ESP32 beside it."""
    firmware = flashed("v2", "virtual")
    folder = TEST_BUILD / "v2" / "web"
    with lock("v2-web"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESP8K_BUILD", str(TEST_BUILD))
        made = firmware / "memory.json"
        sources = newest("tools/web/**/*", "core/*.py")
        index = folder / "index.html"
        if not index.exists() or index.stat().st_mtime < max(
            sources, made.stat().st_mtime
        ):
            web.build("v2")
    return folder


@pytest.fixture(scope="session")
def site(page_folder: Path) -> Iterator[str]:
    """That page's address."""
    with served(page_folder) as url:
        yield url


@pytest.fixture(scope="module")
def board_line(flashed: Callable[[str, str], Path]) -> Iterator[BoardLine]:
    """A twin of v2."""
    flashed("v2", "twin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESP8K_BUILD", str(TEST_BUILD))
        with BoardLine(TWIN, "v2", TEST_BUILD / "v2") as started:
            yield started


@pytest.fixture(scope="module")
def board_site(board_line: BoardLine, page_folder: Path) -> Site:
    """The folder that all tests share: made anew, it would go from under them."""
    return site_of(page_folder, Config(model="v2", browser=False), board_line)


@pytest.fixture
def running(board_site: Site) -> Iterator[Server]:
    """That page with that twin behind it."""
    with Server(board_site) as started:
        yield started


def address(running: Server) -> tuple[str, int]:
    """Its host and port."""
    host, _, port = running.url.split("/")[2].partition(":")
    return host, int(port)


def board_of(running: Server) -> str:
    """Where its board's line is."""
    return "ws://{}:{}/board".format(*address(running))


def ask(
    running: Server, path: str = "/", method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request: status, headers, body."""
    connection = HTTPConnection(*address(running), timeout=10)
    connection.request(method, path, headers=headers)
    reply = connection.getresponse()
    told = {name.lower(): value for name, value in reply.getheaders()}
    return reply.status, told, reply.read()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's browser, without a window."""
    path = "/usr/bin/chromium"
    if not os.path.exists(path):
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page whose errors fail the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 1000})
    opened = context.new_page()
    errors: list[str] = []
    opened.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert not errors


def open_page(page: Page, url: str) -> None:
    """Go there and wait until it can be used."""
    page.goto(url)
    page.wait_for_selector("body[data-ready=yes]", timeout=20_000)


def draw_one(page: Page) -> None:
    """A vertical stroke by mouse."""
    drag(page, (0.51, 0.2), (0.5, 0.5), (0.49, 0.8))


def drag(page: Page, *points: tuple[float, float]) -> None:
    """A stroke by mouse, in parts of the sheet's sides."""
    page.locator("#sheet").scroll_into_view_if_needed()
    box = page.locator("#sheet").bounding_box()
    assert box is not None
    for i, (x, y) in enumerate(points):
        at = box["x"] + x * box["width"], box["y"] + y * box["height"]
        page.mouse.move(*at, steps=6 if i else 1)
        if i == 0:
            page.mouse.down()
    page.mouse.up()


def seen(page: Page) -> np.ndarray:
    """What the page gives the network: (28, 28) uint8."""
    data = page.evaluate(
        "() => Array.from(document.getElementById('seen').getContext('2d')"
        ".getImageData(0, 0, 28, 28).data)"
    )
    return np.array(data, np.uint8).reshape(28, 28, 4)[:, :, 0]


def put_serial(
    page: Page, fd: int, write: Callable[[bytes], object] | None = None
) -> None:
    """The bytes behind a file descriptor as the page's only serial port.

    What the page sends goes there too, or to `write`.
    """

    def read() -> str | None:
        if not select.select([fd], [], [], READ_S)[0]:
            return ""
        try:
            data = os.read(fd, 4096)
        except OSError:
            return None
        return base64.b64encode(data).decode() if data else None

    def send(data: bytes) -> None:
        while data:
            data = data[os.write(fd, data) :]

    page.expose_function("pythonRead", read)
    page.expose_function(
        "pythonWrite", lambda text: (write or send)(base64.b64decode(text))
    )
    page.add_init_script(SERIAL)


@contextmanager
def connected(url: str) -> Iterator[int]:
    """A file descriptor of a socket:// address."""
    host, _, port = url.removeprefix("socket://").partition(":")
    with socket.create_connection((host, int(port))) as line:
        yield line.fileno()
