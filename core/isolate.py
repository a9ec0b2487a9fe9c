"""Calls into native code that may abort: in a process of their own.

    answer = isolated(function, arguments, "TensorFlow", fresh=True)

TensorFlow's converter and TFLite Micro end the whole program on what they do not
expect. Here that ends a child, and the user reads an error. Whatever the child raises
comes back as an `Esp8kError`; one of ours keeps its message, hint and code.
"""

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from core.errors import ENDINGS, Esp8kError

TIMEOUT_S = 900  # a large model with hundreds of inputs


def isolated(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    what: str,
    fresh: bool = False,
) -> Any:
    """`function(*arguments)` in a child; `what` names it in messages.

    `fresh` starts a new interpreter, for libraries that do not survive a fork;
    `function` and its arguments have to be picklable then.
    """
    forks = hasattr(os, "fork") and not fresh
    context: Any = multiprocessing.get_context("fork" if forks else "spawn")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_serve, args=(sender, function, arguments))
    found = None
    try:
        with _deaf():
            child.start()
        sender.close()
        if receiver.poll(TIMEOUT_S):
            found = receiver.recv()
    except EOFError:
        child.join(1.0)  # it is dying just now
    finally:
        receiver.close()
        if found is None and child.pid and child.is_alive():
            child.kill()
        if child.pid:
            child.join()
    if found is None:
        raise Esp8kError(f"{what} {_end(child.exitcode)} on this model", _HINT)
    ok, value = found
    if ok:
        return value
    raise Esp8kError(value.message, value.hint, value.code)


@contextmanager
def workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """New interpreters that work beside this one; a signal ends them and their queue.

    Left alone, a pool waits for all that was asked of it.
    """
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_silent)
    with pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.kill()
            raise


def _silent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


_HINT = "the model holds something that it does not expect: simplify it layer by layer"


@contextmanager
def _deaf() -> Iterator[None]:
    """Signals wait while a child starts, which never hears Ctrl-C.

    A terminal sends it to both; ours reads it, and ends the child.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, *ENDINGS})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(code: int | None) -> str:
    if code is not None and code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return "gave no answer"


def _serve(
    sender: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]
) -> None:
    """In the child: call, send what came of it."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDINGS)
    try:
        answer: tuple[bool, Any] = (True, function(*arguments))
    except Esp8kError as error:
        answer = (False, Esp8kError(error.message, error.hint, error.code))
    except Exception as error:
        answer = (False, Esp8kError(f"{type(error).__name__}: {error}"[:300], _HINT))
    try:
        sender.send(answer)
    except (pickle.PicklingError, BrokenPipeError) as error:
        raise SystemExit(1) from error
    sender.close()
