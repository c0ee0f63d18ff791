"""socketify, a C++ server with handlers in Python; it leaves the model to the user.

python -m peers.socketify PORT
"""

from __future__ import annotations

import sys

import msgspec
from socketify import App, AppListenOptions, Request, Response

from peers.struct_order import Order

decode = msgspec.json.Decoder(Order).decode
encode = msgspec.json.Encoder().encode
JSON = b"application/json"


def text(res: Response, req: Request) -> None:
    """Answer with text."""
    res.send("Hello, World!", content_type=b"text/plain; charset=utf-8")


def user(res: Response, req: Request) -> None:
    """Answer with JSON."""
    res.send(encode({"id": int(req.get_parameter(0))}), content_type=JSON)


async def order(res: Response, req: Request) -> None:
    """Decode, validate and echo."""
    body = await res.get_data()
    try:
        content = encode(decode(body.getvalue()))
    except msgspec.ValidationError as error:
        res.cork_send(str(error), status=b"422 Unprocessable Content")
        return
    res.cork_send(content, content_type=JSON)


def not_found(res: Response, req: Request) -> None:
    """Answer that there is nothing."""
    res.send("Not Found", status=b"404 Not Found")


if __name__ == "__main__":
    app = App()
    app.get("/", text)
    app.get("/user/:id", user)
    app.post("/order", order)
    app.any("/*", not_found)
    app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"), lambda config: None)
    app.run()
