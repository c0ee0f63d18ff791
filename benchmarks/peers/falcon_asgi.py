"""Falcon's ASGI application on uvicorn, with the JSON handler and the validation of its msgspec recipe."""

from __future__ import annotations

import falcon.asgi
import falcon.media
import msgspec

from peers.struct_order import Order


class Text:
    """Answers with text."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer with text."""
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "Hello, World!"


class User:
    """Answers with JSON."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, id: int) -> None:
        """Answer with JSON."""
        resp.media = {"id": id}


class Orders:
    """Echoes an order."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Decode, validate and echo."""
        resp.media = msgspec.convert(await req.get_media(), Order)


async def refuse(req: falcon.asgi.Request, resp: falcon.asgi.Response, ex: Exception, params: dict) -> None:
    """Answer an order that is none."""
    raise falcon.HTTPUnprocessableEntity(description=str(ex))


handler = falcon.media.JSONHandler(dumps=msgspec.json.Encoder().encode, loads=msgspec.json.Decoder().decode)
app = falcon.asgi.App()
app.req_options.media_handlers[falcon.MEDIA_JSON] = handler
app.resp_options.media_handlers[falcon.MEDIA_JSON] = handler
app.add_error_handler(msgspec.ValidationError, refuse)
app.add_route("/", Text())
app.add_route("/user/{id:int}", User())
app.add_route("/order", Orders())
