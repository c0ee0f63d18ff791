"""The names of ASGI's parts: what an application is called with, and what goes both ways.

Spec: ASGI 3.0.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal, TypeAlias

__all__ = ["ASGIApplication", "Message", "Mode", "Receive", "Scope", "Send"]

Message: TypeAlias = MutableMapping[str, Any]  # what ASGI calls an event; its values are of any type
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApplication: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[object]]

Mode: TypeAlias = Literal["trampoline", "task"]
"""Where a foreign application runs: in the task of the request, driven by hand, or in a task of its own."""
