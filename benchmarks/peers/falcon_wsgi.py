"""Falcon's WSGI application on granian, with the JSON handler and the validation of its msgspec recipe."""

from __future__ import annotations

import falcon
import falcon.media
import msgspec

from peers.struct_order import Order


class Text:
    """Answers with text."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer with text."""
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "Hello, World!"


class User:
    """Answers with JSON."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, id: int) -> None:
        """Answer with JSON."""
        resp.media = {"id": id}


class Orders:
    """Echoes an order."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Decode, validate and echo."""
        resp.media = msgspec.convert(req.get_media(), Order)


def refuse(req: falcon.Request, resp: falcon.Response, ex: Exception, params: dict) -> None:
    """Answer an order that is none."""
    raise falcon.HTTPUnprocessableEntity(description=str(ex))


handler = falcon.media.JSONHandler(dumps=msgspec.json.Encoder().encode, loads=msgspec.json.Decoder().decode)
app = falcon.App()
app.req_options.media_handlers[falcon.MEDIA_JSON] = handler
app.resp_options.media_handlers[falcon.MEDIA_JSON] = handler
app.add_error_handler(msgspec.ValidationError, refuse)
app.add_route("/", Text())
app.add_route("/user/{id:int}", User())
app.add_route("/order", Orders())
app.add_route("/sync", Text())
