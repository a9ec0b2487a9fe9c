"""Who may ask a site for anything, and the headers of every answer.

Only the page itself may ask: no other site, no rebound name, and beyond this computer
only who has the token.
"""

import ipaddress
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tools.web.line import BoardLine

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


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
