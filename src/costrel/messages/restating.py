"""What somebody between the transport and the application has changed of a request, taken over by the request.

The parts of a head are parsed when they are first asked for, and kept. Whoever writes another head into a request has
them forgotten here; whoever gives its body once more, in another form perhaps, has the new one read.
"""

from __future__ import annotations

from costrel.messages.content import ReadFailure
from costrel.messages.exchange import Exchange
from costrel.messages.request import Request

__all__ = ["forget_parsed", "read_again_from"]

_PARSED_HEAD = ("_authorization", "_cookies", "_host", "_query", "_url")


def forget_parsed(request: Request) -> None:
    """Have everything that follows from the head parsed anew; call it when the head was changed."""
    request._headers = None
    for name in _PARSED_HEAD:
        _unset(request, name)


def read_again_from(request: Request, exchange: Exchange) -> None:
    """Have the body read from another exchange from now on, as if nothing of it had been read.

    A body that could not be read stays so.

    Args:
        request: its response belongs to `exchange` too, from now on.
        exchange: stands before the transport's own, and gives the whole body.
    """
    request.exchange = exchange
    if not isinstance(request.content, ReadFailure):
        request.content = None
        _unset(request, "_form_data")


def _unset(request: Request, name: str) -> None:
    """Forget what a property has kept."""
    if hasattr(request, name):
        delattr(request, name)
