"""The application at the other end of the talks; see `test_sockets_same_everywhere.py`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from costrel import App, Disconnect, Forbidden, Request, Response, WebSocket, session
from costrel.app import AppSettings
from costrel.messages import Dispatch


def make_talking(tell: Callable[[object], None]) -> App:
    """Make it; what its handlers see they tell."""
    app = App("everywhere", settings=AppSettings(secret_key="a key for tests of sockets"))

    async def marks(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        response.headers["x-layer"] = "1"
        return response

    async def refuses(request: Request, call_next: Dispatch) -> Response:
        return Response("not this way", 429, {"x-refused": "1"}, media_type="text/plain")

    @app.before_request
    def guard(request: Request) -> Response | None:
        return Response("not you", 403, media_type="text/plain") if "x-stranger" in request.headers else None

    @app.websocket("/echo", subprotocols=["v2", "v1"], use=[marks])
    async def echo(socket: WebSocket) -> None:
        try:
            while True:
                await socket.send(await socket.receive())
        except Disconnect as error:
            tell((error.code, error.reason, socket.request.is_disconnected))

    @app.websocket("/cookie", use=[marks])
    async def cookie(socket: WebSocket) -> None:
        await socket.send(f"{socket.cookies['a']} {socket.url.path} {socket.request.method}")
        await socket.receive()

    @app.websocket("/returns")
    async def returns(socket: WebSocket) -> None:
        await socket.send("open")

    @app.websocket("/closes")
    async def closes(socket: WebSocket) -> None:
        await socket.send("open")
        await socket.close(3333, "own")
        with contextlib.suppress(Disconnect):
            await socket.send("late")
            tell("sent")
        tell(socket.closed.code if socket.closed is not None else None)

    @app.websocket("/forbids")
    async def forbids(socket: WebSocket) -> None:
        await socket.send("open")
        raise Forbidden("Not here.")

    @app.websocket("/fails")
    async def fails(socket: WebSocket) -> None:
        await socket.send("open")
        raise ValueError("broken")

    @app.websocket("/json")
    async def json(socket: WebSocket) -> None:
        while True:
            await socket.send_json(await socket.receive_json())

    @app.websocket("/typed")
    async def typed(socket: WebSocket) -> None:
        async for number in socket.messages(int):
            await socket.send_json(number + 1)
        tell("end")

    @app.websocket("/text")
    async def text(socket: WebSocket) -> None:
        while True:
            await socket.send(await socket.receive_text())

    @app.websocket("/layered", use=[refuses])
    async def layered(socket: WebSocket) -> None:
        tell("never")

    def deny(request: Request) -> None:
        raise Forbidden("Not you either.")

    @app.websocket("/refuses", before=[deny])
    async def never(socket: WebSocket) -> None:
        tell(session)

    return app
