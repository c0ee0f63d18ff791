"""The WebSocket on which Vite tells a page what has changed, between the page and the dev server.

The handshake of the page is answered when that with the dev server has succeeded. So a page whose dev server has gone
keeps trying, and loads itself again when it is back, as if it were connected directly.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any, Final, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Origin, Subprotocol

from costrel.errors import BadGateway, Disconnect, NotFound
from costrel.messages import Dispatch, Layer, Request, Response, WebSocket, check_origin
from costrel.static.dev_address import DevAddress, is_at_home

__all__ = ["SUBPROTOCOLS", "make_layer", "relay"]

SUBPROTOCOLS: Final = ("vite-hmr", "vite-ping")
"""What a page is told with, and what it asks with whether the dev server is back."""

CONNECT_SECONDS: Final = 5.0
MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
STATE_KEY: Final = "costrel.vite_socket"  # no identifier, so no attribute of an application's state

_NO_STATUS, _LOST = 1005, 1006


def make_layer(address: DevAddress) -> Layer:
    """Make the layer that connects to the dev server before the page gets its answer."""

    async def connect_first(request: Request, call_next: Dispatch) -> Response:
        if not is_at_home(request):
            raise NotFound
        check_origin(request, ())
        try:
            upstream = await _connect(address, request)
        except InvalidStatus as error:
            raise BadGateway(f"Vite has refused the socket with {error.response.status_code}.") from error
        except (OSError, WebSocketException) as error:
            raise BadGateway(f"Vite does not answer at {address.origin}.") from error
        request.on_end(lambda _: upstream.close())
        setattr(request.state, STATE_KEY, upstream)
        return await call_next(request)

    return connect_first


async def _connect(address: DevAddress, request: Request) -> ClientConnection:
    target = request.raw_path.decode("latin-1")
    if request.query_string:
        # Vite's token is in it, without which it refuses a browser.
        target = f"{target}?{request.query_string.decode('latin-1')}"
    offered = {each.strip() for each in (request.headers.get_combined("sec-websocket-protocol") or "").split(",")}
    origin = request.headers.get("origin")
    # A socket that is connected already is taken as it is: no proxy of the environment, and no redirects.
    lane = request.exchange.loop_state.files
    connected = await lane.submit(_open_socket, address)
    connected.setblocking(False)
    try:
        return await connect(
            f"ws://{address.authority}{target}",
            sock=connected,
            origin=Origin(origin) if origin is not None else None,
            subprotocols=[Subprotocol(each) for each in SUBPROTOCOLS if each in offered] or None,
            compression=None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=CONNECT_SECONDS,
            max_size=MAX_MESSAGE_BYTES,
        )
    except BaseException:
        connected.close()
        raise


def _open_socket(address: DevAddress) -> socket.socket:
    return socket.create_connection((address.host, address.port), CONNECT_SECONDS)


async def relay(page: WebSocket) -> None:
    """Hand messages on in both directions until one side closes; then close the other."""
    upstream: ClientConnection = cast("Any", getattr(page.state, STATE_KEY))
    directions = [asyncio.create_task(_to_page(upstream, page)), asyncio.create_task(_to_vite(page, upstream))]
    try:
        await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for direction in directions:
            direction.cancel()
        await asyncio.gather(*directions, return_exceptions=True)
    if page.closed is None and upstream.close_code not in (None, _NO_STATUS, _LOST):
        await page.close(upstream.close_code or 1000, upstream.close_reason or "")


async def _to_page(upstream: ClientConnection, page: WebSocket) -> None:
    try:
        async for message in upstream:
            await page.send(message)
    except (ConnectionClosed, Disconnect):
        return


async def _to_vite(page: WebSocket, upstream: ClientConnection) -> None:
    try:
        async for message in page:
            await upstream.send(message)
    except ConnectionClosed:
        return
