"""Draw a digit in a web page and see what the board makes of it.

    esp8k draw --model v3 --board virtual --engine int8

Serves one page on 127.0.0.1 (nothing from the net, nothing to the net), with the
board opened once and kept open. The browser sends the drawing, this program brings
it to MNIST's conventions (`classify.image`), asks board and host, and sends back class,
logits and time. Ctrl-C ends it.
"""

import base64
import binascii
import contextlib
import io
import json
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from core.cli import parse
from core.errors import DeviceError, Esp8kError
from core.program import run
from core.words import DEFAULT_MODEL, Engine, ModelName
from tools.classify import classify
from tools.classify.host import ENGINES, Host
from tools.classify.image import load_stream
from tools.link.client import Device
from tools.link.identity_lock import require_identity

PAGE = Path(__file__).with_name("draw.html")
MOST_BYTES = 2_000_000  # of a request: a drawing has a few thousand
LOCAL = "127.0.0.1"
HEADERS = {
    # The page may use nothing but itself.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline'; img-src data:; connect-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Config:
    """Options of `esp8k draw`."""

    model: ModelName = DEFAULT_MODEL  # which network
    board: str | None = None  # virtual, twin, esp32dev, ...; found if absent
    port: str | None = None  # serial port or pyserial URL; found if absent
    engine: Engine = "int8"  # arithmetic that is chosen first
    http_port: int = 8000  # port of the page; 0 takes any free one
    browser: bool = True  # open the page in a browser


@dataclass
class Studio:
    """The open board and the host; one drawing at a time goes to the board."""

    config: Config
    board: classify.BoardInfo
    device: Device
    host: Host
    lock: threading.Lock

    def about(self) -> dict[str, Any]:
        """What the page shows before anything is drawn."""
        return {
            "model": self.config.model,
            "board": self.board.name,
            "evidence": self.board.evidence,
            "weights": self.host.weights_hash[:16],
            "engine": self.config.engine,
            "engines": list(ENGINES),
        }

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Classify the drawing in a request: {"engine": ..., "image": data URL}."""
        engine = request.get("engine", self.config.engine)
        if engine not in ENGINES:
            raise Esp8kError(f"there is no engine {engine!r}", ", ".join(ENGINES))
        pixels = decode(request.get("image"))
        asked = classify.Subject(pixels, "the drawing", None)
        config = classify.Config(model=self.config.model, engine=engine)
        with self.lock:
            answer = classify.compare(config, self.board, self.device, self.host, asked)
        own = np.array(answer["host"]["raw_logits"])
        answer["host"]["probabilities"] = self.host.probabilities(engine, own).tolist()
        answer["cost"] = classify.cost(answer)
        answer["seen"] = encode(pixels)
        return answer


def decode(image: object) -> np.ndarray:
    """A data URL of any picture, as MNIST would hold it."""
    if not isinstance(image, str) or not image.startswith("data:image/"):
        raise Esp8kError("the request holds no image", "send a data URL")
    try:
        content = base64.b64decode(image.partition(",")[2], validate=True)
    except binascii.Error:
        raise Esp8kError("the image is not base64", "send a data URL") from None
    return load_stream(io.BytesIO(content), "the drawing")


def encode(pixels: np.ndarray) -> str:
    """A PNG as a data URL."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


# ---- HTTP ----


def handler(studio: Studio) -> type[BaseHTTPRequestHandler]:
    """A request handler bound to the studio."""

    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version = "esp8k", ""
        timeout = 30  # seconds: a browser that stops in the middle of a request

        def do_GET(self) -> None:
            if not self._is_ours():
                return
            if self.path == "/":
                self._send(HTTPStatus.OK, "text/html; charset=utf-8", PAGE.read_bytes())
            elif self.path == "/about":
                self._json(HTTPStatus.OK, studio.about())
            else:
                self._json(HTTPStatus.NOT_FOUND, {"error": "nothing here"})

        def do_POST(self) -> None:
            if not self._is_ours():
                return
            if self.path != "/classify":
                self._json(HTTPStatus.NOT_FOUND, {"error": "nothing here"})
                return
            try:
                self._json(HTTPStatus.OK, studio.ask(self._body()))
            except DeviceError as error:
                self._fail(HTTPStatus.BAD_GATEWAY, error)
            except Esp8kError as error:
                self._fail(HTTPStatus.UNPROCESSABLE_ENTITY, error)

        def _is_ours(self) -> bool:
            """Only the page itself may ask: no other site, no rebound name."""
            port = self.connection.getsockname()[1]
            here = {f"{name}:{port}" for name in (LOCAL, "localhost")}
            origin = self.headers.get("Origin")
            if self.headers.get("Host") in here and (
                origin is None or origin.removeprefix("http://") in here
            ):
                return True
            self._json(HTTPStatus.FORBIDDEN, {"error": "another site"})
            return False

        def _body(self) -> dict[str, Any]:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > MOST_BYTES:
                self.close_connection = True
                raise Esp8kError("the request is too long", "draw less")
            try:
                content = json.loads(self.rfile.read(int(length)))
            except ValueError:
                raise Esp8kError("the request is not JSON", "send JSON") from None
            if not isinstance(content, dict):
                raise Esp8kError("the request is not an object", "send an object")
            return content

        def _fail(self, status: HTTPStatus, error: Esp8kError) -> None:
            self._json(status, {"error": error.message, "hint": error.hint})

        def _json(self, status: HTTPStatus, content: dict[str, Any]) -> None:
            self._send(status, "application/json", json.dumps(content).encode())

        def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
            self.send_response(status)
            for name, value in HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            with contextlib.suppress(ConnectionError):  # the browser has left
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Stay quiet: the page shows what happened."""

    return Handler


def serve(studio: Studio, port: int) -> ThreadingHTTPServer:
    """A server that listens already; the caller runs it."""
    try:
        return ThreadingHTTPServer((LOCAL, port), handler(studio))
    except (OSError, OverflowError) as error:
        raise Esp8kError(
            f"cannot serve on port {port}: {getattr(error, 'strerror', None) or error}",
            "another program has it: --http-port 0 takes a free one",
        ) from error


def main(
    argv: Sequence[str] | None = None,
    started: Callable[[ThreadingHTTPServer], None] | None = None,
) -> int:
    """Open the board, serve until Ctrl-C."""
    config = parse(Config, argv, "draw", __doc__ or "")
    host = Host(config.model)
    from tools.boards.boards import choose, open_board

    board = choose(config.board, config.port)
    counting = board.evidence == "emulated"
    with open_board(board, config.model, count=counting) as device:
        require_identity(device, host.folder)
        studio = Studio(config, board, device, host, threading.Lock())
        with serve(studio, config.http_port) as server:
            url = f"http://{LOCAL}:{server.server_address[1]}/"
            print(f"draw at {url}   (Ctrl-C ends it)", flush=True)
            if started is not None:
                started(server)
            if config.browser and sys.stdout.isatty():
                webbrowser.open(url)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print(file=sys.stderr)
    return 0


if __name__ == "__main__":
    run(main)
