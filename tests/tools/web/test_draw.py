"""The page with a board behind it: who is let in, what ends it, what is cut."""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from core.errors import CheckFailed, Esp8kError
from tests.support.browser import TWIN, address, ask, board_of
from tests.support.products import TEST_BUILD
from tools.soak import second_client
from tools.web import draw, server
from tools.web.guard import Site
from tools.web.line import BoardLine
from tools.web.server import Server

Flashed = Callable[[str, str], Path]


@pytest.fixture
def interrupt() -> Iterator[int]:
    """A signal that does what Ctrl-C does, where SIGINT may be ignored (nohup)."""
    number = signal.SIGUSR1
    before = signal.signal(number, signal.default_int_handler)
    yield number
    signal.signal(number, before)


def test_ctrl_c_ends_the_server_before_the_board(
    board_site: Site, interrupt: int
) -> None:
    """Python 3.11 took an interrupted wait for a thread for that thread's end."""
    before = set(threading.enumerate())
    with Server(board_site) as running:
        ctrl_c = threading.Timer(0.1, os.kill, (os.getpid(), interrupt))
        ctrl_c.start()
        running.wait()
    ctrl_c.join()
    assert set(threading.enumerate()) <= before


def test_a_board_that_hangs_holds_up_no_end(
    board_site: Site, board_line: BoardLine, capfd: pytest.CaptureFixture[str]
) -> None:
    assert board_line.process is not None and board_line.process.pid is not None
    with Server(board_site) as running, connect(board_of(running)) as page:
        hello(page)
        os.kill(board_line.process.pid, signal.SIGSTOP)
        try:
            for _ in range(30):
                page.send(bytes(60_000))
            time.sleep(0.3)
            start = time.monotonic()
            running.stop()
            running.wait()
            assert time.monotonic() - start < 4
        finally:
            os.kill(board_line.process.pid, signal.SIGCONT)
    assert capfd.readouterr().err == ""


def hello(page: ClientConnection) -> None:
    page.send(second_client.pack(second_client.HELLO, 1, b"")[0])
    assert page.recv(timeout=5)


def test_a_page_that_is_loaded_again_has_the_board_again(
    running: Server, board_line: BoardLine
) -> None:
    """Its old line is closed a moment after the new one is asked for."""
    first = board_line.connect(lambda _: None, lambda _: None)
    closing = threading.Timer(0.1, first.close)
    closing.start()
    with connect(board_of(running)) as page:
        hello(page)
    closing.join()


def test_pages_that_want_the_board_do_not_hold_up_the_one_that_has_it(
    running: Server,
) -> None:
    """Each took a thread for two seconds: fifty of them stopped it for fourteen."""
    with connect(board_of(running)) as page, contextlib.ExitStack() as others:
        hello(page)
        start = time.monotonic()
        waiting = [others.enter_context(connect(board_of(running))) for _ in range(30)]
        asked = time.monotonic()
        hello(page)
        assert time.monotonic() - asked < 2
        for other in waiting:
            with pytest.raises(ConnectionClosed, match="another page has the board"):
                other.recv(timeout=10)
        assert time.monotonic() - start < 8


def test_every_answer_forbids_frames_and_other_sites(running: Server) -> None:
    for path in ("/", "/app.js", "/about.json", "/none"):
        _, headers, _ = ask(running, path)
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy and "connect-src 'self'" in policy
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "evil.example:80"}, {"Origin": "http://a.b"}],
)
def test_another_site_is_refused(running: Server, headers: dict[str, str]) -> None:
    assert ask(running, "/about.json", **headers)[0] == 403


def test_only_the_token_lets_in_from_outside(board_site: Site) -> None:
    with Server(replace(board_site, token="sesame")) as running:
        assert ask(running, "/about.json")[0] == 403
        assert ask(running, "/about.json?token=guess")[0] == 403
        status, headers, _ = ask(running, "/?token=sesame")
        assert status == 200 and "HttpOnly" in headers["set-cookie"]
        cookie = headers["set-cookie"].partition(";")[0]
        assert ask(running, "/app.js", Cookie=cookie)[0] == 200


def test_a_token_that_nobody_asked_for_is_no_header(
    capfd: pytest.CaptureFixture[str], running: Server
) -> None:
    """A link of another site to the page ended in a traceback."""
    status, headers, _ = ask(running, "/?token=a%0d%0aX:1")
    assert status == 200 and "set-cookie" not in headers
    assert "Traceback" not in capfd.readouterr().err


def test_a_phone_reads_the_address_from_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = "http://192.0.2.7:8000/?token=aSeBu-Scfe0nRjYgQRdSMw"
    draw.show_code(url)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255)}
    shown = [
        [halves.get(block, (0, 0))[half] for block in line]
        for line in lines
        for half in (0, 1)
    ]
    picture = np.kron(np.array(shown, np.uint8), np.ones((8, 8), np.uint8))
    read, *_ = cv2.QRCodeDetector().detectAndDecode(picture)
    assert read == url


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/%2e%2e/plan.json", "//x"])
def test_nothing_outside_the_folder_is_served(running: Server, path: str) -> None:
    assert ask(running, path)[0] in (400, 403, 404)


def test_two_hundred_posts_at_once_are_answered_or_refused(running: Server) -> None:
    start = time.monotonic()
    with ThreadPoolExecutor(200) as pool:
        posts = [pool.submit(ask, running, "/", "POST") for _ in range(200)]
        found = {post.result()[0] for post in posts}
    assert found <= {405, 503}
    assert time.monotonic() - start < 5


def test_a_body_that_makes_no_sense_ends_in_no_traceback(
    board_site: Site,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A refusal was sent after the answer."""
    with Server(board_site) as running:
        host = "{}:{}".format(*address(running))
        head = f"POST /about.json HTTP/1.1\r\nHost: {host}\r\n"
        with socket.create_connection(address(running), timeout=10) as rude:
            rude.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
            assert rude.recv(100).split()[1] == b"405"
            rude.sendall(b"ZZZ\r\nhello")
            while rude.recv(65536):
                pass
        assert ask(running)[0] == 200
    assert "Traceback" not in capfd.readouterr().err and not caplog.records


def test_text_that_is_no_utf8_ends_in_no_traceback(
    board_site: Site,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Server(board_site) as running:
        with connect(board_of(running)) as page, pytest.raises(ConnectionClosed):
            page.send(b"\xff\xff", text=True)
            page.recv(timeout=10)
        assert ask(running)[0] == 200
    assert "Traceback" not in capfd.readouterr().err and not caplog.records


def test_slow_connections_are_cut_and_hold_no_threads(
    running: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SILENT_S", 0.5)
    before = threading.active_count()
    slow = [socket.create_connection(address(running)) for _ in range(60)]
    for connection in slow:
        connection.sendall(b"GET / HTTP/1.1\r\nX: ")
    assert threading.active_count() <= before + 2
    for connection in slow:
        connection.settimeout(10)
        assert connection.recv(100) == b""
        connection.close()
    assert ask(running)[0] == 200


def test_a_page_that_stays_is_not_cut(
    running: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connection began as a request that never came to an end."""
    monkeypatch.setattr(server, "SILENT_S", 0.2)
    with connect(board_of(running)) as socket_:
        with pytest.raises(TimeoutError):  # neither a word nor an end
            socket_.recv(timeout=0.8)
        hello(socket_)


def test_a_second_request_that_is_slow_is_cut_as_well(
    board_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "SILENT_S", 1.0)
    with Server(board_site) as running:
        with socket.create_connection(address(running)) as slow:
            slow.settimeout(5)
            name = "{}:{}".format(*address(running))
            slow.sendall(f"GET /about.json HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            assert slow.recv(65536)
            slow.sendall(b"GET")
            while slow.recv(65536):
                pass  # the rest of the answer, then the end


def test_a_port_that_is_taken_is_said(board_site: Site, running: Server) -> None:
    with pytest.raises(Esp8kError, match="cannot serve on port") as caught:
        server.listen(*address(running))
    assert "esp8k draw --http-port 0" in caught.value.hint  # make has no word for it
    assert "attempting" not in caught.value.message  # Python's own words
    with pytest.raises(Esp8kError) as other:
        server.listen("192.0.2.1", 0)  # nobody's
    assert "another program" not in other.value.hint


def test_a_port_that_is_taken_is_said_before_anything_is_made(
    running: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw.page, "build", lambda model: pytest.fail("was built"))
    with pytest.raises(Esp8kError, match="cannot serve on port"):
        draw.main(["--http-port", str(address(running)[1])])


def test_the_port_is_kept_while_the_page_is_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was given back: who took it meanwhile was found out after all the work."""
    with server.listen(draw.LOCAL, 0) as free:
        port = free.getsockname()[1]

    def build(_model: str) -> None:
        with pytest.raises(Esp8kError, match="cannot serve"):
            server.listen(draw.LOCAL, port)
        raise KeyboardInterrupt

    monkeypatch.setattr(draw.page, "build", build)
    with pytest.raises(KeyboardInterrupt):
        draw.main(["--http-port", str(port)])
    server.listen(draw.LOCAL, port).close()  # given back at the end


def test_a_board_with_another_model_opens_no_page(flashed: Flashed) -> None:
    flashed("v2", "twin")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESP8K_BUILD", str(TEST_BUILD))
        flashed("v1", "twin")
        with pytest.raises(CheckFailed), BoardLine(TWIN, "v2", TEST_BUILD / "v1"):
            pass
