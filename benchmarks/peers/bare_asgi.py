"""An ASGI function without a framework: what remains is the cost of the server and of the interface."""

from __future__ import annotations

import msgspec

from peers.struct_order import Order

TEXT = [(b"content-type", b"text/plain; charset=utf-8")]
JSON = [(b"content-type", b"application/json")]
decode = msgspec.json.Decoder(Order).decode
encode = msgspec.json.Encoder().encode


async def app(scope, receive, send):
    """Answer by the path."""
    path = scope["path"]
    if path == "/":
        await answer(send, 200, TEXT, b"Hello, World!")
    elif path.startswith("/user/"):
        await answer(send, 200, JSON, encode({"id": int(path[6:])}))
    elif path == "/order":
        await echo(receive, send)
    else:
        await answer(send, 404, TEXT, b"Not Found")


async def echo(receive, send):
    """Decode, validate and echo."""
    body = b""
    more_body = True
    while more_body:
        message = await receive()
        body += message.get("body", b"")
        more_body = message.get("more_body", False)
    try:
        content = encode(decode(body))
    except msgspec.ValidationError as error:
        await answer(send, 422, TEXT, str(error).encode())
        return
    await answer(send, 200, JSON, content)


async def answer(send, status, headers, content):
    """Send a whole response."""
    length = (b"content-length", b"%d" % len(content))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": content})
