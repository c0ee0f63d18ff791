"""Putting layers around a dispatch, each with its own conversion of exceptions.

What a layer calls as `call_next` never raises an `Exception`: a layer that fails is a response to those outside it. So
a request id, a session or CORS reaches error responses too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from inspect import iscoroutinefunction
from types import CodeType, CoroutineType

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
    finished = [code for made in (dispatch, convert) if (code := _code_of(made)) is not None]
    for layer in reversed(layers):
        if iscoroutinefunction(layer):
            dispatch = _around(dispatch, layer, convert)
        else:
            dispatch = _before(dispatch, layer, convert, frozenset(finished))
        code = _code_of(dispatch)
        if code is not None:
            finished.append(code)
    return dispatch


def _code_of(function: object) -> CodeType | None:
    """Return the code that the coroutines of a function run, `None` when it makes none."""
    code = getattr(function, "__code__", None)
    return code if iscoroutinefunction(function) else None


def _around(call_next: Dispatch, layer: Layer, convert: Convert) -> Dispatch:
    """Put a coroutine function around a dispatch."""

    async def dispatch(request: Request) -> Response:
        # The frame that converts an exception holds no response, so there is no cycle.
        try:
            response = await layer(request, call_next)
            if (
                isinstance(response, Response)
                and response.exchange is request.exchange
                and type(response.body) is bytes
                and not response.needs_resolving
            ):
                return response
            return await _looked_at(request, layer, response)
        except Pass:
            raise
        except Exception as error:
            return await convert(request, error)

    return dispatch


def _before(call_next: Dispatch, layer: Layer, convert: Convert, finished: frozenset[CodeType]) -> Dispatch:
    """Put a plain function around a dispatch; most look at the request and return what `call_next` gave.

    Args:
        call_next: what is inside.
        layer: the function; it may also return an awaitable of its own.
        convert: makes the response of an exception.
        finished: the codes of coroutines that raise no `Exception` and whose responses were looked at.
    """

    async def finish(request: Request, answer: Awaitable[Response]) -> Response:
        try:
            return await _looked_at(request, layer, await answer)
        except Pass:
            raise
        except Exception as error:
            return await convert(request, error)

    def dispatch(request: Request) -> Awaitable[Response]:
        try:
            answer = layer(request, call_next)
        except Pass:
            raise
        except Exception as error:
            return convert(request, error)
        # PERF: what is passed on needs no frame here: saves 0.3 µs a layer (benchmarks/layer_costs.py, 3.11)
        if type(answer) is CoroutineType and answer.cr_code in finished:
            return answer
        return finish(request, answer)

    return dispatch


async def _looked_at(request: Request, layer: Layer, response: object) -> Response:
    """Return what a layer has returned as a response of this exchange, its stream started.

    Raises:
        ProgrammerError: it is no response.
    """
    if not isinstance(response, Response):
        raise not_a_response(name_of(layer), response)
    if response.exchange is not request.exchange:
        response = response.owned_by(request.exchange)
    if type(response.body) is bytes and not response.needs_resolving:
        return response
    return await start_stream(request, response)
