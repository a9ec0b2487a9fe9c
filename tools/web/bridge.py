"""A page's WebSocket and the board's line: bytes both ways until one side ends."""

import asyncio
import contextlib
from collections.abc import Callable

from starlette.websockets import WebSocket, WebSocketDisconnect

from core.errors import DeviceError, Esp8kError
from tools.web.line import BoardLine, Connection, Held

HANDED_OVER_S = 2.0  # a page that is loaded again comes before its old line is closed
POLL_S = 0.1
REASON_BYTES = 120


async def bridge(page: WebSocket, line: BoardLine, ended: Callable[[], bool]) -> None:
    """Bytes both ways until one side ends, or the program."""
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[bytes | str] = asyncio.Queue()

    def tell(what: bytes | str) -> None:
        with contextlib.suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(told.put_nowait, what)

    try:
        connection = await _connected(line, tell)
    except Esp8kError as error:
        await page.close(1011, reason(error.message))
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
            await page.close(1011, reason(why))
    finally:
        for way in ways:
            way.cancel()
        await asyncio.to_thread(connection.close)


def reason(why: str) -> str:
    """What fits a WebSocket's last frame: 123 bytes, whatever the letters."""
    return why.encode(errors="replace")[:REASON_BYTES].decode(errors="ignore")


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
