"""The page's server with a board behind it: visitors, strangers, a board that dies."""

import os
import random
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from core.words import ENGINES
from tools.soak import second_client as wire
from tools.soak.figures import Divergence, Figures
from tools.soak.oracle import Oracle
from tools.web.line import BoardLine
from tools.web.server import Server

POSTS = 32  # at once
PATIENCE_S = 20.0
VISIT = 20  # requests of one visit


class SocketLine:
    """A page's WebSocket as a line of bytes."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def write(self, data: bytes) -> None:
        self.socket.send(data)

    def read(self, seconds: float) -> bytes:
        try:
            got = self.socket.recv(timeout=seconds)
        except TimeoutError:
            return b""
        return got if isinstance(got, bytes) else got.encode()


class Visits:
    """One site; `run` is one round of everything."""

    def __init__(
        self,
        server: Server,
        line: BoardLine,
        oracle: Oracle,
        draw: random.Random,
        figures: Figures,
    ) -> None:
        self.address = urlsplit(server.url).netloc
        self.line, self.oracle, self.draw, self.figures = line, oracle, draw, figures

    def run(self, go_on: Callable[[], bool]) -> None:
        """A visit beside strangers, now and then one whose board dies."""
        with self._page() as socket:
            client = wire.Client(SocketLine(socket), try_s=PATIENCE_S)
            if client.hello()["identity_crc"] != self.oracle.identity:
                raise Divergence("the page's board has another identity")
            self._second_page()
            for _ in range(VISIT):
                self._infer(client)
                if not go_on():
                    break
            self._strangers()
            if self.draw.random() < 0.2:
                self._board_dies(socket)
        self.figures.add("visits")

    def _page(self) -> ClientConnection:
        return connect(f"ws://{self.address}/board", open_timeout=PATIENCE_S)

    def _infer(self, client: wire.Client) -> None:
        engine, number = self.draw.randrange(2), self.draw.randrange(8)
        label, logits = client.infer(engine, self.oracle.images[number].tobytes())
        right = self.oracle.answers[ENGINES[engine]][number]
        if (label, tuple(logits)) != (right.label, right.logits):
            raise Divergence(f"image {number} by the page: {label} {logits}")
        self.figures.add("answers to the page")

    def _second_page(self) -> None:
        """It is refused, and told why."""
        with self._page() as other:
            why = self._closing(other)
        if "another page" not in why:
            raise Divergence(f"a second page was told: {why!r}")

    def _strangers(self) -> None:
        """Many posts at once: each is answered or refused."""
        with ThreadPoolExecutor(POSTS) as pool:
            found = list(pool.map(self._post, range(POSTS)))
        self.figures.add("posts", len(found))
        if not set(found) <= {405, 503}:
            raise Divergence(f"posts were answered with {sorted(set(found))}")

    def _post(self, _: int) -> int:
        connection = HTTPConnection(self.address, timeout=PATIENCE_S)
        try:
            connection.request("POST", "/", body=b"x" * 1000)
            return connection.getresponse().status
        except (HTTPException, ConnectionError):
            return 503  # refused before it had said all
        finally:
            connection.close()

    def _board_dies(self, socket: ClientConnection) -> None:
        process = self.line.process
        if process is None or process.pid is None:
            return
        os.kill(process.pid, signal.SIGKILL)
        why = self._closing(socket)
        if "ended" not in why:
            raise Divergence(f"the board died, and the page was told: {why!r}")
        self.figures.add("boards killed")

    @staticmethod
    def _closing(socket: ClientConnection) -> str:
        """What the server says when it ends a connection."""
        try:
            while True:
                socket.recv(timeout=PATIENCE_S)
        except ConnectionClosed as closed:
            return closed.rcvd.reason if closed.rcvd else "nothing"
        except TimeoutError:
            return "nothing, the connection stays open"
