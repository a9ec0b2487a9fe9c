"""The page and a board's line, served by Starlette and uvicorn.

Nothing takes a body; every connection that says nothing for a while is cut; more than
MOST_AT_ONCE are refused. Only the page itself may ask: no other site, no rebound name,
and beyond this computer only who has the token.
"""

import asyncio
import contextlib
import errno
import ipaddress
import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from core.errors import DeviceError, Esp8kError
from tools.web.line import BoardLine, Connection, Held

MOST_AT_ONCE = 64  # connections; a page needs a dozen
SILENT_S = 5.0  # a connection without a whole request
HANDED_OVER_S = 2.0  # a page that is loaded again comes before its old line is closed
POLL_S = 0.1
SLOWEST = 6  # times SILENT_S for taking one answer
MOST_MESSAGE = 65_536  # bytes of one message of a page
TOKEN = "token"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' "
    "'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Site:
    """What is served, where, and to whom."""

    folder: Path
    about: dict[str, Any]  # in place of the folder's about.json
    line: BoardLine
    address: str  # to bind to
    token: str  # '' lets everybody who reaches the address in


class Guard:
    """Refuses other sites and strangers; adds the headers of every answer."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app, self.site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if (why := self._refusal(HTTPConnection(scope))) is not None:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": why})
            else:
                await PlainTextResponse(why, 403, HEADERS)(scope, receive, send)
            return
        asked = HTTPConnection(scope).query_params
        token = self.site.token and asked.get(TOKEN)  # which is ours, by now

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = dict(HEADERS)
                if token:  # the page's own files are asked for without it
                    extra["Set-Cookie"] = (
                        f"{TOKEN}={token}; Path=/; HttpOnly; SameSite=Strict"
                    )
                raw = [(k.lower().encode(), v.encode()) for k, v in extra.items()]
                message["headers"] = [*message["headers"], *raw]
            await send(message)

        await self.app(scope, receive, send_with_headers)

    def _refusal(self, asked: HTTPConnection) -> str | None:
        host = asked.headers.get("host", "")
        name = host.rpartition(":")[0].strip("[]") or host
        if name != "localhost" and not _is_address(name):
            return "another site"  # a name that was made to point here
        origin = asked.headers.get("origin")
        if origin is not None and origin.partition("//")[2] != host:
            return "another site"
        if self.site.token:
            given = asked.query_params.get(TOKEN) or asked.cookies.get(TOKEN, "")
            if not secrets.compare_digest(given.encode(), self.site.token.encode()):
                return "the address needs its token: the terminal shows it"
        return None


def application(site: Site, ended: Callable[[], bool]) -> Starlette:
    """The whole site, until it is `ended`."""

    async def about(request: Request) -> Response:
        return JSONResponse(site.about)

    async def board(page: WebSocket) -> None:
        await page.accept()
        with contextlib.suppress(asyncio.CancelledError):  # the program ends
            await _bridge(page, site.line, ended)

    return Starlette(
        routes=[
            Route("/about.json", about),
            WebSocketRoute("/board", board),
            Mount("/", StaticFiles(directory=site.folder, html=True)),
        ],
        middleware=[Middleware(Guard, site=site)],
    )


async def _bridge(page: WebSocket, line: BoardLine, ended: Callable[[], bool]) -> None:
    """Bytes both ways until one side ends, or the program."""
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[bytes | str] = asyncio.Queue()

    def tell(what: bytes | str) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(told.put_nowait, what)

    try:
        connection = await _connected(line, tell)
    except Esp8kError as error:
        await page.close(1011, error.message[:120])
        return

    ways = [
        asyncio.create_task(_to_page(page, told)),
        asyncio.create_task(_to_board(page, connection)),
        asyncio.create_task(_until(ended)),
    ]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        why = next(iter(done)).result()
        if why:
            await page.close(1011, why[:120])
    finally:
        for way in ways:
            way.cancel()
        await asyncio.to_thread(connection.close)


async def _to_page(page: WebSocket, told: asyncio.Queue[bytes | str]) -> str:
    """What the board sends; why it ended, or '' where the page has left."""
    try:
        while not isinstance(what := await told.get(), str):
            await page.send_bytes(what)
    except WebSocketDisconnect:  # it left while an answer was on its way
        return ""
    return what


async def _to_board(page: WebSocket, connection: Connection) -> str:
    """What the page sends; why it ended, or '' where the page has left."""
    try:
        while True:
            data = await page.receive_bytes()
            await asyncio.to_thread(connection.write, data)
    except DeviceError as error:
        return error.message
    except (WebSocketDisconnect, KeyError):
        return ""


async def _until(ended: Callable[[], bool]) -> str:
    """The program's end, which a board that takes no byte does not hold up."""
    while not ended():
        await asyncio.sleep(POLL_S)
    return ""


async def _connected(
    line: BoardLine, tell: Callable[[bytes | str], None]
) -> Connection:
    """The line, in a while; no thread waits for it that another page needs."""
    end = asyncio.get_running_loop().time() + HANDED_OVER_S
    while True:
        try:
            return await asyncio.to_thread(line.connect, tell, tell)
        except Held:
            if asyncio.get_running_loop().time() > end:
                raise
            await asyncio.sleep(POLL_S)


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


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
