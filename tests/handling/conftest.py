"""A small in-memory transport: enough of an exchange to run an endpoint from the request to the end of its response."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from costrel.errors import ClientDisconnected, HTTPError
from costrel.execution import ExecutionSettings, LoopState
from costrel.handling import Endpoint, RouteSpec, compile_endpoint
from costrel.messages import MessageLimits, Request, Response, current_request, encode_json


class MemoryExchange:
    """One request whose body is there at once; its client may leave."""

    channel = None
    tls = None
    peer = ("127.0.0.1", 1)
    request_trailers = None

    def __init__(self, loop_state: LoopState, body: bytes = b"") -> None:
        self.loop_state = loop_state
        self.is_disconnected = False
        self.is_aborted = False
        self._body = body
        self._callbacks: list[Callable[[], None]] = []

    def take_arrived(self, max_bytes: int) -> bytes | None:
        """Return `None`: a piece is always waited for."""
        return None

    async def read_body(self, max_bytes: int) -> bytes:
        if self.is_disconnected:
            raise ClientDisconnected
        piece, self._body = self._body[:max_bytes], self._body[max_bytes:]
        return piece

    async def send_informational(self, status_code: int, headers: object) -> None:
        pass

    async def wait_disconnected(self) -> None:
        while not self.is_disconnected:
            await asyncio.sleep(0)

    def on_disconnect(self, callback: Callable[[], None]) -> None:
        self._callbacks.append(callback)

    def disconnect(self) -> None:
        self.is_disconnected = True
        for callback in self._callbacks:
            callback()

    def abort(self) -> None:
        self.is_aborted = True


class MemoryApp:
    """What the messages know of an application."""

    name = "memory"
    debug = False
    settings = MessageLimits()

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, object]]] = []

    def url_for(self, name: str, /, **values: object) -> str:
        return f"/{name}"

    def make_globals(self) -> object:
        return object()

    def emit(self, event: str, fields: Mapping[str, object]) -> None:
        self.events.append((event, fields))


@dataclass
class Answer:
    """What a client has seen."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    is_aborted: bool = False
    response: Response | None = None

    def json(self) -> Any:
        import msgspec

        return msgspec.json.decode(self.body)


async def convert(request: Request, error: Exception) -> Response:
    """Make a problem document of an exception, as an app would."""
    if isinstance(error, HTTPError):
        document = {"status": error.status_code, "detail": error.detail, **error.extra}
        response = Response(encode_json(document), error.status_code, media_type="application/problem+json")
    else:
        document = {"status": 500, "detail": type(error).__name__}
        response = Response(encode_json(document), 500, media_type="application/problem+json")
    response.exception = error
    return response


def make_spec(handler: Callable[..., Any], path: str = "/", method: str = "GET", **options: Any) -> RouteSpec:
    """Make the specification of a route with the defaults of an app."""
    options.setdefault("convert", convert)
    names = tuple(part.strip("{}") for part in path.split("/") if part.startswith("{"))
    options.setdefault("path_parameters", names)
    options.setdefault("methods", frozenset() if options.get("is_websocket") else frozenset({method}))
    return RouteSpec(handler=handler, path=path, name="route", where="test.py:1", **options)


def compile_route(handler: Callable[..., Any], path: str = "/", method: str = "GET", **options: Any) -> Endpoint:
    """Compile a route that has no mistakes."""
    endpoint, mistakes = compile_endpoint(make_spec(handler, path, method, **options))
    assert not mistakes, "\n\n".join(map(str, mistakes))
    assert endpoint is not None
    return endpoint


def find_mistakes(handler: Callable[..., Any], path: str = "/", method: str = "GET", **options: Any) -> list[str]:
    """Return the codes of a route's mistakes."""
    endpoint, mistakes = compile_endpoint(make_spec(handler, path, method, **options))
    assert (endpoint is None) == bool(mistakes)
    return [mistake.code for mistake in mistakes]


class Client:
    """Sends requests to dispatches on the running loop, as a transport does."""

    def __init__(self, loop_state: LoopState) -> None:
        self.loop_state = loop_state
        self.app = MemoryApp()

    def make_request(
        self,
        method: str = "GET",
        path: str = "/",
        query: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        path_params: Mapping[str, object] | None = None,
        is_websocket: bool = False,
    ) -> Request:
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
        if body:
            raw.append((b"content-length", str(len(body)).encode()))
        exchange = MemoryExchange(self.loop_state, body)
        request = Request(
            method,
            path,
            path.encode(),
            query.encode(),
            raw,
            exchange,
            is_websocket=is_websocket,  # type: ignore[arg-type]
        )
        request.path_params = dict(path_params or {})
        request.app = self.app  # type: ignore[assignment]
        return request

    async def run(
        self,
        dispatch: Callable[[Request], Awaitable[Response]],
        request: Request,
        stop_after: int | None = None,
        before_send: Callable[[Response], object] | None = None,
    ) -> Answer:
        """Dispatch and send; `stop_after` pieces the client is gone."""
        token = current_request.set(request)
        try:
            try:
                response = await dispatch(request)
                if before_send is not None:
                    before_send(response)
                return await self._send(request, response, stop_after)
            finally:
                if request.end_callbacks is not None:
                    await request.finish()
                else:
                    request.ended = True
        finally:
            current_request.reset(token)

    async def _send(self, request: Request, response: Response, stop_after: int | None) -> Answer:
        headers = dict(response.headers.items())
        body = response.body
        if isinstance(body, bytes):
            answer = Answer(response.status_code, body, headers)
        elif hasattr(body, "__anext__"):
            pieces: list[bytes] = []
            is_aborted = False
            try:
                async for piece in body:
                    pieces.append(piece)
                    if stop_after is not None and len(pieces) >= stop_after:
                        is_aborted = True
                        break
            except Exception:
                is_aborted = True
            finally:
                await body.aclose()
            answer = Answer(response.status_code, b"".join(pieces), headers, is_aborted)
        else:
            answer = Answer(response.status_code, b"", headers)
            answer.response = response
            return answer
        answer.response = response
        response.exception = None
        return answer

    async def call(self, endpoint: Endpoint, method: str = "GET", path: str = "/", **options: Any) -> Answer:
        """Send one request to an endpoint."""
        stop_after = options.pop("stop_after", None)
        return await self.run(endpoint.dispatch, self.make_request(method, path, **options), stop_after)


def run(main: Callable[[Client], Awaitable[Any]], **settings: int) -> Any:
    """Run an async test with a client on a loop with its own threads."""

    async def entry() -> Any:
        loop_state = LoopState.start(asyncio.get_running_loop(), ExecutionSettings(**settings))
        try:
            return await main(Client(loop_state))
        finally:
            await loop_state.aclose(5.0)

    return asyncio.run(entry())


class Kit:
    """The functions above, for tests."""

    compile = staticmethod(compile_route)
    find_mistakes = staticmethod(find_mistakes)
    spec = staticmethod(make_spec)
    convert = staticmethod(convert)
    run = staticmethod(run)

    @staticmethod
    def call(
        handler: Callable[..., Any], *, route: str = "/", method: str = "GET", request: Any = None, **options: Any
    ) -> Answer:
        """Compile a handler and send one request to it."""
        endpoint = compile_route(handler, route, method, **options)
        return run(lambda client: client.call(endpoint, method, **(request or {})))


@pytest.fixture(scope="session")
def kit() -> Kit:
    """Return what tests of this room use."""
    return Kit()
