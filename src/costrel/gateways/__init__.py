"""Gateways: a foreign server calls us.

Each makes a `Request` of what its server hands over, gives it to the application's dispatch and writes the response
back; there is one pipeline under all of them. ASGI is the one of this version: uvicorn, hypercorn, granian and others.
Our own server, which needs none of this, is in `costrel.server`.
"""

from __future__ import annotations

from costrel.gateways.asgi import ASGIGateway

__all__ = ["ASGIGateway"]
