"""A board behind a network: plain TCP, RFC 2217, and a line of any length to either."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import serial
from serial import rfc2217

from tools.faults.loopback import MemoryBoard


@contextmanager
def _listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port of ours whose first visitor `serve` talks to."""
    server = socket.create_server(("127.0.0.1", 0))

    def welcome() -> None:
        with suppress(OSError):  # it left, or never came
            peer, _ = server.accept()
            with peer:
                serve(peer)

    thread = threading.Thread(target=welcome, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(timeout=5)


@contextmanager
def socket_server(board: MemoryBoard) -> Iterator[int]:
    """The board behind plain TCP."""

    def serve(peer: socket.socket) -> None:
        peer.sendall(board.boot())
        while data := peer.recv(4096):
            peer.sendall(board.feed(data))

    with _listening(serve) as port:
        yield port


class Wire(serial.Serial):
    """A PTY has no modem lines to ask for."""

    cts = dsr = ri = cd = True

    def _update_dtr_state(self) -> None:
        pass

    _update_rts_state = _update_dtr_state


@contextmanager
def rfc2217_server(pty: str) -> Iterator[int]:
    """A PTY as ser2net and esp_rfc2217_server give one."""
    behind = Wire(pty, timeout=0.01)

    def serve(peer: socket.socket) -> None:
        peer.settimeout(0.01)

        class Connection:
            write = staticmethod(peer.sendall)

        manager = rfc2217.PortManager(behind, Connection())
        data: bytes | None = None
        while data != b"":
            try:
                data = peer.recv(4096)
            except TimeoutError:
                data = None
            if data:
                behind.write(b"".join(manager.filter(data)))
            answer = behind.read(behind.in_waiting)
            if answer:
                peer.sendall(b"".join(manager.escape(answer)))

    with _listening(serve) as port:
        yield port
    behind.close()


@contextmanager
def far_away(port: int, delay_s: float) -> Iterator[str]:
    """The address of a line to `port` whose answers take `delay_s` more."""

    def serve(peer: socket.socket) -> None:
        coming: queue.Queue[tuple[float, bytes]] = queue.Queue()
        with socket.create_connection(("127.0.0.1", port)) as near:

            def there() -> None:
                with suppress(OSError):
                    while data := peer.recv(4096):
                        near.sendall(data)
                    near.shutdown(socket.SHUT_RDWR)

            def back() -> None:
                with suppress(OSError):
                    while data := near.recv(4096):
                        coming.put((time.monotonic() + delay_s, data))
                coming.put((0.0, b""))

            threads = [threading.Thread(target=f, daemon=True) for f in (there, back)]
            for thread in threads:
                thread.start()
            while True:
                at, data = coming.get()
                if not data:
                    break
                time.sleep(max(0.0, at - time.monotonic()))
                with suppress(OSError):
                    peer.sendall(data)
            for thread in threads:
                thread.join(timeout=5)

    with _listening(serve) as own:
        yield f"127.0.0.1:{own}"
