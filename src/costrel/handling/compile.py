"""The compiler of endpoints: a route's specification in, one function out, and every mistake on the way.

The text that `emit` writes is compiled under a name of its own and registered with `linecache`, so that tracebacks show
it and a debugger steps through it. What a route keeps is small: the names that its text uses, and lines that it shares
with the other routes of its build.
"""

from __future__ import annotations

import linecache
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import CodeType
from typing import cast

from costrel.errors import ConfigurationError, Mistake
from costrel.handling.describing import describe
from costrel.handling.emit import emit
from costrel.handling.endpoint import Endpoint, RouteSpec
from costrel.handling.layering import compile_layers
from costrel.handling.markers import UNSET
from costrel.handling.plan import Plan
from costrel.handling.planning import build_plan
from costrel.handling.returning import UNANNOTATED, ResponseMaker, response_maker
from costrel.handling.signature import Signature
from costrel.messages import Dispatch, Request, Response, SocketHandler, WebSocket, check_origin, switching_response

__all__ = ["compile_endpoint"]


def compile_endpoint(spec: RouteSpec) -> tuple[Endpoint | None, list[Mistake]]:
    """Compile a route.

    Args:
        spec: everything that decides how it answers.

    Returns:
        The endpoint and no mistakes, or `None` and all mistakes of the route; it raises nothing for them.
    """
    plan, mistakes = build_plan(spec)
    maker = None
    if plan is not None:
        maker, mistakes = _response_maker(spec, plan.handler.call.signature)
    if plan is None or maker is None:
        return None, mistakes
    hook_maker = maker
    if spec.before or spec.after:
        hook_maker = response_maker(text_as=spec.text_as, responders=spec.responders, where=spec.where)
    emitted = emit(plan, spec, maker.make, hook_maker.make, _switch(spec, plan))
    methods = ",".join(sorted(spec.methods)) or "WEBSOCKET"
    lines = [spec.shared.line(line) for line in emitted.text.splitlines(keepends=True)]
    namespace = _execute(lines, emitted.namespace, f"<costrel {methods} {spec.path}>")
    dispatch = cast("Dispatch", namespace[emitted.entry])
    dispatch = compile_layers(dispatch, spec.layers, spec.convert)
    info = describe(spec, plan, maker, emitted.mode, emitted.hops)
    return Endpoint(dispatch, lines, info, emitted.mode, emitted.hops), []


def _response_maker(spec: RouteSpec, signature: Signature) -> tuple[ResponseMaker | None, list[Mistake]]:
    returns = UNANNOTATED if signature.returns is UNSET or spec.is_websocket else signature.returns
    try:
        maker = response_maker(
            returns,
            status_code=spec.status_code,
            text_as=spec.text_as,
            media_type=spec.media_type,
            responders=spec.responders,
            debug=spec.debug,
            where=f"{signature.name} ({spec.where})" if spec.where else signature.name,
            shared=spec.shared,
        )
    except ConfigurationError as error:
        return None, [error.mistake]
    return maker, []


def _switch(spec: RouteSpec, plan: Plan) -> Callable[..., Response]:
    """Make what accepts a WebSocket: it checks the origin, chooses the subprotocol and binds the conversation."""
    offered_here: Sequence[str] = spec.subprotocols
    name = plan.handler.call.signature.name

    def switch(request: Request, handle: Callable[[WebSocket], Awaitable[object]]) -> Response:
        check_origin(request, spec.origins)
        subprotocol = ""
        if offered_here:
            wanted = request.headers.get_combined("sec-websocket-protocol") or ""
            offered = {item.strip() for item in wanted.split(",")}
            subprotocol = next((item for item in offered_here if item in offered), "")
        socket = request.state.websocket = WebSocket(request, subprotocol)
        handler = SocketHandler(socket, lambda: handle(socket), name)
        return switching_response(handler, subprotocol).owned_by(request.exchange)

    return switch


def _execute(lines: list[str], namespace: Mapping[str, object], filename: str) -> dict[str, object]:
    """Run generated source as a module of its own; two routes never share an entry of `linecache`."""
    unique = filename
    number = 1
    while linecache.getlines(unique) not in ([], lines):
        number += 1
        unique = f"{filename[:-1]} #{number}>"
    # No modification time: `linecache.checkcache` keeps an entry that belongs to no file.
    linecache.cache[unique] = (sum(map(len, lines)), None, lines, unique)
    code = compile("".join(lines), unique, "exec")
    used = _names_in(code)
    values = {name: namespace[name] for name in used if name in namespace}
    values["__name__"] = "costrel.handling.generated"
    # SECURITY: the text is made of checked identifiers only (`naming`); values are in the namespace.
    exec(code, values)
    return values


def _names_in(code: CodeType) -> dict[str, None]:
    """Return the names that a code and those inside of it look up outside of functions, in order."""
    names = dict.fromkeys(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_in(constant)
    return names
