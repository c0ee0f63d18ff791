"""Gateways: a foreign server calls us.

Each makes a `Request` of what its server hands over, gives it to the application's dispatch and writes the response
back; there is one pipeline under all of them. ASGI is spoken by uvicorn, hypercorn and granian, RSGI by granian, WSGI
by gunicorn, waitress, uWSGI and mod_wsgi.
Our own server, which needs none of this, is in `costrel.server`.
"""

from __future__ import annotations

from costrel.gateways.asgi import ASGIGateway
from costrel.gateways.rsgi import RSGIGateway
from costrel.gateways.rsgi_interface import RSGIProtocol, RSGIScope, RSGISocketProtocol
from costrel.gateways.wsgi import StartResponse, WSGIGateway

__all__ = [
    "ASGIGateway",
    "RSGIGateway",
    "RSGIProtocol",
    "RSGIScope",
    "RSGISocketProtocol",
    "StartResponse",
    "WSGIGateway",
]
