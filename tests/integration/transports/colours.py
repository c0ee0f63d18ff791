"""An application of handlers of both colours, in decorators of both colours.

The decorators know nothing of Costrel: they are what people write with `functools.wraps`.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any

from costrel import App, Request, Response
from costrel.errors import Conflict, NotFound

Handler = Callable[..., Any]


class Plain:
    """What a provider that is a generator gives."""


class Asynchronous:
    """What a provider that is an asynchronous generator gives."""


def marked(handler: Handler) -> Handler:
    """Pass the call on and hand back whatever comes, an awaitable too."""

    @wraps(handler)
    def wrapper(*args: Any, **values: Any) -> Any:
        values["word"] = "s" + values["word"]
        return handler(*args, **values)

    return wrapper


def marked_later(handler: Handler) -> Handler:
    """Do so in a coroutine."""

    @wraps(handler)
    async def wrapper(*args: Any, **values: Any) -> Any:
        values["word"] = "a" + values["word"]
        answer = handler(*args, **values)
        return await answer if inspect.isawaitable(answer) else answer

    return wrapper


DECORATIONS: dict[str, tuple[Callable[[Handler], Handler], ...]] = {
    "bare": (),
    "sync": (marked,),
    "async": (marked_later,),
    "sync-around-async": (marked_later, marked),
    "async-around-sync": (marked, marked_later),
}


def make_colours() -> App:
    """Make it."""
    app = App("colours")
    keeping: dict[str, Any] = {}

    def plain() -> Iterator[Plain]:
        yield Plain()

    async def asynchronous() -> AsyncIterator[Asynchronous]:
        yield Asynchronous()

    app.provide(Plain, plain)
    app.provide(Asynchronous, asynchronous)

    def say(request: Request, plain: Plain, asynchronous: Asynchronous, word: str, count: int = 1) -> dict[str, Any]:
        return {
            "word": word * count,
            "path": request.path,
            "given": [type(plain).__name__, type(asynchronous).__name__],
        }

    async def say_later(
        request: Request, plain: Plain, asynchronous: Asynchronous, word: str, count: int = 1
    ) -> dict[str, Any]:
        await asyncio.sleep(0)
        return say(request, plain, asynchronous, word, count)

    for colour, handler in {"def": say, "async-def": say_later}.items():
        for decoration, decorators in DECORATIONS.items():
            decorated = handler
            for decorate in decorators:
                decorated = decorate(decorated)
            app.add_route(f"/{colour}/{decoration}/{{word}}", decorated, name=f"{colour}-{decoration}")

    @app.before_request
    def before(request: Request) -> None:
        request.state.seen = ["def"]

    @app.before_request
    async def before_later(request: Request) -> None:
        request.state.seen.append("async def")

    @app.after_request
    def after(request: Request, response: Response) -> None:
        response.headers["x-seen"] = ", ".join(request.state.seen)

    @app.errorhandler(Conflict)
    def on_conflict(error: Conflict) -> tuple[str, int]:
        return "def", 409

    @app.errorhandler(NotFound)
    async def on_missing(error: NotFound) -> tuple[str, int]:
        return "async def", 404

    @app.get("/conflict")
    async def conflict() -> str:
        raise Conflict

    @app.get("/stream")
    def stream() -> Iterator[bytes]:
        yield b"one "
        yield b"two"

    @app.get("/stream-later")
    async def stream_later() -> AsyncIterator[bytes]:
        yield b"one "
        await asyncio.sleep(0)
        yield b"two"

    @app.get("/begin")
    async def begin() -> str:
        keeping["loop"], keeping["told"] = asyncio.get_running_loop(), asyncio.Event()
        keeping["task"] = asyncio.create_task(keeping["told"].wait())
        return "begun"

    @app.get("/end")
    async def end() -> dict[str, bool]:
        keeping["told"].set()
        return {"same loop": keeping["loop"] is asyncio.get_running_loop(), "task": await keeping["task"]}

    return app
