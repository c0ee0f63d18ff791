"""Applications of others inside ours: an ASGI or WSGI callable as a `Dispatch`, its lifespan joined to ours."""

from __future__ import annotations

from costrel.mounts.asgi import ASGIMount
from costrel.mounts.asgi_scope import make_scope
from costrel.mounts.asgi_types import ASGIApplication, Message, Mode, Receive, Scope, Send
from costrel.mounts.wrapping import ASGIWrapping
from costrel.mounts.wsgi import WSGIMount
from costrel.mounts.wsgi_environ import make_environ

__all__ = [
    "ASGIApplication",
    "ASGIMount",
    "ASGIWrapping",
    "Message",
    "Mode",
    "Receive",
    "Scope",
    "Send",
    "WSGIMount",
    "make_environ",
    "make_scope",
]
