"""Putting layers around a dispatch, each with its own conversion of exceptions.

What a layer calls as `call_next` never raises an `Exception`: a layer that fails is a response to those outside it. So
a request id, a session or CORS reaches error responses too.
"""

from __future__ import annotations

from collections.abc import Sequence

from costrel.errors import Pass
from costrel.handling.endpoint import Convert
from costrel.handling.finishing import start_stream
from costrel.handling.mistakes import not_a_response
from costrel.handling.signature import name_of
from costrel.messages import Dispatch, Layer, Request, Response

__all__ = ["compile_layers"]


def compile_layers(dispatch: Dispatch, layers: Sequence[Layer], convert: Convert) -> Dispatch:
    """Return `dispatch` with layers around it.

    Args:
        dispatch: what answers inside; it raises no `Exception` but `Pass`, which goes through all layers.
        layers: outermost first.
        convert: makes the response of an exception.
    """
    for layer in reversed(layers):
        dispatch = _around(dispatch, layer, convert)
    return dispatch


def _around(call_next: Dispatch, layer: Layer, convert: Convert) -> Dispatch:
    async def dispatch(request: Request) -> Response:
        # The frame that converts an exception holds no response, so there is no cycle.
        try:
            response = await layer(request, call_next)
            if isinstance(response, Response):
                if response.exchange is not request.exchange:
                    response = response.owned_by(request.exchange)
                if type(response.body) is bytes and not response.needs_resolving:
                    return response
                return await start_stream(request, response)
            raise not_a_response(name_of(layer), response)
        except Pass:
            raise
        except Exception as error:
            return await convert(request, error)

    return dispatch
