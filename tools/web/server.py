"""The page and a board's line, served by Starlette and uvicorn.

Nothing takes a body; every connection that says nothing for a while is cut; more than
MOST_AT_ONCE are refused. Who may ask at all: `tools.web.guard`.
"""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.errors import Esp8kError
from tools.web.bridge import bridge
from tools.web.guard import TOKEN, Guard, Site

MOST_AT_ONCE = 64  # connections; a page needs a dozen
SILENT_S = 5.0  # a connection without a whole request
SLOWEST = 6  # times SILENT_S for taking one answer
MOST_MESSAGE = 65_536  # bytes of one message of a page


def application(site: Site, ended: Callable[[], bool]) -> Starlette:
    """The whole site, until it is `ended`."""

    async def about(request: Request) -> Response:
        return JSONResponse(site.about)

    async def board(page: WebSocket) -> None:
        await page.accept()
        with contextlib.suppress(asyncio.CancelledError):  # the program ends
            await bridge(page, site.line, ended)

    return Starlette(
        routes=[
            Route("/about.json", about),
            WebSocketRoute("/board", board),
            Mount("/", StaticFiles(directory=site.folder, html=True)),
        ],
        middleware=[Middleware(Guard, site=site)],
    )


class Impatient(H11Protocol):
    """Cuts who has not sent a whole request in time, or does not take its answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look_again(transport, None, 0)

    def send_400_response(self, msg: str) -> None:
        """The only answer: another that has begun is cut, one to come is not sent."""
        if self.cycle is not None and self.cycle.response_started:
            self.transport.close()
            return
        if self.cycle is not None:
            self.cycle.disconnected = True
        super().send_400_response(msg)

    def _look_again(
        self, transport: asyncio.Transport, cycle: object, times: int
    ) -> None:
        self.loop.call_later(SILENT_S, self._look, transport, cycle, times)

    def _look(self, transport: asyncio.Transport, before: object, times: int) -> None:
        if transport.is_closing() or transport.get_protocol() is not self:
            return  # the latter: it has become a WebSocket
        times = times + 1 if self.cycle is before else 1
        idle = self.cycle is None or self.cycle.response_complete
        if self.cycle is before and (idle or times > SLOWEST):
            transport.close()
        else:
            self._look_again(transport, self.cycle, times)


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether a traceback of uvicorn's tells of us: not of text that is no UTF-8."""
    return not record.getMessage().startswith("Invalid UTF-8")


class Server:
    """The running site: a context manager; `wait` returns after Ctrl-C.

    `listening` is what `listen` gave, closed at the end; without it any free port.
    """

    def __init__(self, site: Site, listening: socket.socket | None = None) -> None:
        self._socket = listening or listen(site.address, 0)
        port = self._socket.getsockname()[1]
        query = f"?{TOKEN}={site.token}" if site.token else ""
        self.url = f"http://{site.address}:{port}/{query}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                application(site, lambda: self._server.should_exit),
                http=Impatient,
                ws="websockets-sansio",
                ws_max_size=MOST_MESSAGE,
                limit_concurrency=MOST_AT_ONCE,
                timeout_keep_alive=int(SILENT_S),
                timeout_graceful_shutdown=1,
                lifespan="off",
                log_level="error",
                server_header=False,
            )
        )
        logging.getLogger("uvicorn.error").addFilter(_is_ours)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ended = threading.Event()  # a join that Ctrl-C interrupts may lie

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._ended.wait()
        self._thread.join()
        self._socket.close()

    def wait(self) -> None:
        """Until Ctrl-C, or until `stop` is called."""
        with contextlib.suppress(KeyboardInterrupt):
            while not self._ended.wait(0.5):
                pass

    def stop(self) -> None:
        """End it from any thread."""
        self._server.should_exit = True

    def _run(self) -> None:
        try:
            asyncio.run(self._server.serve([self._socket]))
        finally:
            self._ended.set()


def listen(address: str, port: int) -> socket.socket:
    """Take the port; says so where it cannot be had."""
    try:
        return socket.create_server((address, port))
    except OSError as error:
        taken = "another program has it: " if error.errno == errno.EADDRINUSE else ""
        raise Esp8kError(
            f"cannot serve on port {port}: {os.strerror(error.errno or 0)}",
            f"{taken}esp8k draw --http-port 0 takes a free one",
        ) from error


def lan_address() -> str:
    """This computer's address on its network; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address for documentation
            return str(probe.getsockname()[0])
        except OSError:
            raise Esp8kError(
                "this computer is on no network", "leave --lan out"
            ) from None
