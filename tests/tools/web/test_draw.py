"""The drawing page: what it serves, what it refuses, what a browser makes of it."""

import base64
import http.client
import io
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import Esp8kError
from tests.support.fakes import FakeDevice, logits
from tools.boards.boards import Board
from tools.classify.image import prepare
from tools.web.draw import MOST_BYTES, PAGE, Config, Studio, decode, serve


def drawing() -> Image.Image:
    """A seven in black on white."""
    page = np.full((280, 280), 255, np.uint8)
    page[50:75, 80:200] = 0
    for row in range(75, 240):
        middle = 190 - (row - 75) // 2
        page[row, middle - 12 : middle + 12] = 0
    return Image.fromarray(page)


def data_url(picture: Image.Image, kind: str = "PNG") -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


class Browser:
    """Plain requests to a served studio."""

    def __init__(self, studio: Studio) -> None:
        self.server = serve(studio, 0)
        self.port = self.server.server_address[1]
        threading.Thread(
            target=self.server.serve_forever, args=(0.02,), daemon=True
        ).start()

    def get(self, path: str, **headers: str) -> tuple[int, dict, bytes]:
        return self.send("GET", path, None, headers)

    def post(self, content: object, **headers: str) -> tuple[int, dict]:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        status, _, body = self.send("POST", "/classify", raw, headers)
        return status, json.loads(body)

    def send(self, method, path, body, headers) -> tuple[int, dict, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, headers)
        reply = connection.getresponse()
        result = reply.status, dict(reply.getheaders()), reply.read()
        connection.close()
        return result

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice(count=659050)


@pytest.fixture
def browser(host, device) -> Iterator[Browser]:
    board = Board("virtual", "emulated")
    made = Browser(Studio(Config(), board, device, host, threading.Lock()))
    yield made
    made.close()


def test_the_page_is_one_file_that_fetches_nothing_from_elsewhere(browser):
    status, headers, body = browser.get("/")
    assert status == 200 and body == PAGE.read_bytes()
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert not re.search(rb"https?://|@import|url\(|src=\"(?!data)", body)


def test_the_page_learns_model_board_and_engines(browser):
    about = json.loads(browser.get("/about")[2])
    assert about["board"] == "virtual" and about["evidence"] == "emulated"
    assert about["engines"] == ["int8", "f16"] and about["weights"] == "ab" * 8


@pytest.mark.parametrize("engine", ["int8", "f16"])
def test_a_drawing_is_classified_by_board_and_host(browser, engine):
    request = {"engine": engine, "image": data_url(drawing())}
    status, answer = browser.post(request)
    pixels = prepare(drawing())
    assert status == 200 and answer["engine"] == engine
    assert answer["raw_logits"] == logits(engine, pixels[None])[0].tolist()
    assert answer["host"]["agrees"] and len(answer["host"]["probabilities"]) == 10
    seen = base64.b64decode(answer["seen"].partition(",")[2])
    assert (np.asarray(Image.open(io.BytesIO(seen))) == pixels).all()
    assert "659,050 instructions" in answer["cost"]
    assert "no board's time" in answer["cost"]


@pytest.mark.parametrize(
    ("request_body", "said"),
    [
        ({}, "no image"),
        ({"image": 7}, "no image"),
        ({"image": "data:image/png;base64,***"}, "not base64"),
        ({"image": "data:image/png;base64,c2V2ZW4="}, "not an image"),
        ({"image": data_url(Image.new("L", (99, 99), 255))}, "nothing is drawn"),
        ({"image": data_url(drawing()), "engine": "f8"}, "no engine"),
        ([1, 2], "not an object"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_a_bad_request_is_answered_with_cause_and_cure(browser, request_body, said):
    status, answer = browser.post(request_body)
    assert status == 422 and said in answer["error"] and answer["hint"]


def test_a_huge_request_is_refused_unread(browser):
    connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=10)
    connection.putrequest("POST", "/classify")
    connection.putheader("Content-Length", str(MOST_BYTES + 1))
    connection.endheaders()
    assert connection.getresponse().status == 422
    connection.close()


def test_a_board_that_went_away_is_said(browser, device):
    device.until = 0
    status, answer = browser.post({"image": data_url(drawing())})
    assert status == 502 and "gone" in answer["error"]


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}]
)
def test_another_site_is_refused(browser, headers):
    assert browser.post({"image": data_url(drawing())}, **headers)[0] == 403
    assert browser.get("/about", **headers)[0] == 403


def test_an_unknown_path_is_not_found(browser):
    assert browser.get("/../pyproject.toml")[0] == 404


def test_drawings_at_the_same_time_take_turns(browser, device):
    image = data_url(drawing())
    answers: list[int] = []

    def ask() -> None:
        answers.append(browser.post({"image": image})[0])

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6 and device.given == 6


def test_a_port_in_use_is_one_clear_error(browser, host, device):
    board = Board("virtual", "emulated")
    studio = Studio(Config(), board, device, host, threading.Lock())
    with pytest.raises(Esp8kError, match=f"cannot serve on port {browser.port}"):
        serve(studio, browser.port)


def test_what_is_no_data_url_is_refused():
    with pytest.raises(Esp8kError):
        decode("http://127.0.0.1/a.png")


CHROMIUM = shutil.which("chromium")
STROKES = """
<script>
addEventListener("load", () => {
  const put = (type, x, y) => {
    const box = sheet.getBoundingClientRect();
    sheet.dispatchEvent(new PointerEvent(type, {pointerId: 1, button: 0, bubbles: true,
      clientX: box.left + x * box.width, clientY: box.top + y * box.height}));
  };
  sheet.setPointerCapture = () => {};
  put("pointerdown", .3, .25);
  for (const [x, y] of [[.5, .25], [.68, .25], [.6, .5], [.48, .8]])
    put("pointermove", x, y);
  put("pointerup", .48, .8);
});
</script>
"""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
def test_a_browser_draws_and_shows_the_answer(browser, tmp_path: Path, monkeypatch):
    page = tmp_path / "draw.html"
    page.write_text(PAGE.read_text().replace("</body>", STROKES + "</body>"))
    monkeypatch.setattr("tools.web.draw.PAGE", page)
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    flags += " --disable-background-networking --disable-component-update"
    flags += " --disable-sync --virtual-time-budget=6000 --dump-dom"
    done = subprocess.run(
        [
            str(CHROMIUM),
            *flags.split(),
            f"--user-data-dir={tmp_path / 'profile'}",
            f"http://127.0.0.1:{browser.port}/",
        ],
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert re.search(r'class="digit" id="digit"[^>]*>\d<', done.stdout), done.stderr
    assert "all ten logits equal: agrees" in done.stdout
    assert "659,050 instructions" in done.stdout
