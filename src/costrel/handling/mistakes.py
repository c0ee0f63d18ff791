"""The texts of what can be wrong with a handler, hook or provider; each has a page in `docs/errors`."""

from __future__ import annotations

from collections.abc import Sequence

from costrel.errors import Mistake, Pass, ProgrammerError
from costrel.handling.providers import Provider, type_name
from costrel.handling.signature import Signature

__all__: list[str] = []


def unreadable_parameter(signature: Signature, name: str, annotation: object, has_annotation: bool) -> Mistake:
    """004: nothing says where the value comes from."""
    if not has_annotation:
        return Mistake(
            "COS-HANDLER-004",
            f"Parameter `{name}` of `{signature.name}` cannot be read from the request.",
            signature.where,
            why="It has no type, no default and no marker, and the path has no parameter of that name.",
            fix=(
                f"Give it a type, then it is read from the query string:      {name}: str\n"
                f"or add it to the path:                                      /…/{{{name}}}"
            ),
        )
    shown = type_name(annotation)
    return Mistake(
        "COS-HANDLER-004",
        f"Parameter `{name}` of `{signature.name}` cannot be read from the request.",
        signature.where,
        why=f"Its type is `{shown}`, which is not a known parameter type, and it has no marker.",
        fix=(
            f"Read it from the query string:      {name}: Annotated[{shown}, Query()]\n"
            f"or from the body:                   {name}: Annotated[{shown}, Body()]\n"
            f"or provide it as a service:         app.provide({shown}, make_{name})"
        ),
    )


def two_bodies(signature: Signature, first: str, second: str) -> Mistake:
    """005: a request has one body."""
    return Mistake(
        "COS-HANDLER-005",
        f"Parameters `{first}` and `{second}` of `{signature.name}` both want the body.",
        signature.where,
        why="A request has one body, and it is read as one value.",
        fix=(
            "Put both into one type:      class Both(Struct): …\n"
            "or mark one of them:         Query(), Header() or Cookie()"
        ),
    )


def body_without_content(signature: Signature, name: str, annotation: object, methods: Sequence[str]) -> Mistake:
    """006: GET, HEAD and DELETE carry no content that means anything (RFC 9110 §9.3)."""
    shown = type_name(annotation)
    return Mistake(
        "COS-HANDLER-006",
        f"Parameter `{name}` of `{signature.name}` would be the body of a {', '.join(methods)} request.",
        signature.where,
        why="Content of these methods has no defined meaning (RFC 9110 §9.3), so clients and proxies drop it.",
        fix=(
            f"Read its fields from the query string:      {name}: Annotated[{shown}, Query()]\n"
            f"or insist on the body:                      {name}: Annotated[{shown}, Body()]"
        ),
    )


def provider_cycle(signature: Signature, chain: Sequence[str]) -> Mistake:
    """007: providers that need each other."""
    return Mistake(
        "COS-HANDLER-007",
        f"The providers of `{signature.name}` need each other: {' -> '.join(f'`{name}`' for name in chain)}.",
        signature.where,
        why="Each would have to be made before the other.",
        fix="Take one of these parameters away, or make both values in one provider.",
    )


def outlived_provider(
    outer: Provider, outer_lifetime: str, inner: Provider, inner_lifetime: str, where: str
) -> Mistake:
    """008: a value that needs one which ends earlier."""
    return Mistake(
        "COS-HANDLER-008",
        f"The provider for `{type_name(outer.type)}` needs `{type_name(inner.type)}`, which ends before it.",
        where,
        why=f'The lifetime of the first is "{outer_lifetime}", that of the second "{inner_lifetime}".',
        fix=f'Give `{type_name(inner.type)}` the lifetime "{outer_lifetime}", or shorten that of the first.',
    )


def handler_lifetime_on_socket(provider: Provider, signature: Signature) -> Mistake:
    """009: nothing of a WebSocket ends before the response is sent."""
    return Mistake(
        "COS-HANDLER-009",
        f'`{signature.name}` is a WebSocket route and needs `{type_name(provider.type)}`, whose lifetime is "handler".',
        signature.where,
        why="That lifetime ends before the handshake is sent, and the handler runs after it.",
        fix='Register the provider without a lifetime, or with lifetime="response".',
    )


def sync_socket_handler(signature: Signature) -> Mistake:
    """010: a socket is a conversation on the loop."""
    return Mistake(
        "COS-HANDLER-010",
        f"The WebSocket handler `{signature.name}` is not `async def`.",
        signature.where,
        why="Receiving and sending wait, and a thread for each open socket would not last.",
        fix=f"async def {signature.name}(…): …",
    )


def inline_needs_thread(signature: Signature, provider: Provider) -> Mistake:
    """011: an inline handler stays on the loop."""
    return Mistake(
        "COS-HANDLER-011",
        f"`{signature.name}` is inline and needs `{type_name(provider.type)}`, whose exit may block.",
        signature.where,
        why="An inline handler runs on the event loop; a `def` provider with a `yield` runs in a thread.",
        fix="Take `inline=True` away from the route, or register the provider with `inline=True`.",
    )


def inline_coroutine(signature: Signature) -> Mistake:
    """012: there is nothing to make inline."""
    return Mistake(
        "COS-HANDLER-012",
        f"`{signature.name}` is `async def` and inline.",
        signature.where,
        why="An `async def` handler always runs on the event loop; `inline=True` is for a trivial `def`.",
        fix="Take `inline=True` away.",
    )


def late_exit(signature: Signature, provider: Provider, kind: str) -> Mistake:
    """013: a hook that runs when the value is gone."""
    return Mistake(
        "COS-HANDLER-013",
        f"The {kind} hook `{signature.name}` needs `{type_name(provider.type)}`, which has ended when the hook runs.",
        signature.where,
        why="What has an exit ends with the handler, or with the response before teardown hooks.",
        fix='Do it in the provider\'s exit, or register the provider with lifetime="response" for an after hook.',
    )


def misplaced(
    signature: Signature, name: str, what: str, where_allowed: str, fix: str = "Take the parameter away."
) -> Mistake:
    """014: a value that exists only elsewhere."""
    return Mistake(
        "COS-HANDLER-014",
        f"Parameter `{name}` of `{signature.name}` is {what}, which there is none of here.",
        signature.where,
        why=f"It exists only in {where_allowed}.",
        fix=fix,
    )


def app_lifetime_needs(provider: Provider, name: str, where: str) -> Mistake:
    """015: a value of the application that wants a request."""
    return Mistake(
        "COS-HANDLER-015",
        f"Parameter `{name}` of the provider for `{type_name(provider.type)}` is not a value of the application.",
        where,
        why='A provider with lifetime="app" is made at start-up, when there is no request.',
        fix='Let it need only providers with lifetime="app", or give it a shorter lifetime.',
    )


def unknown_path_parameter(signature: Signature, name: str, known: Sequence[str]) -> Mistake:
    """016: a type that no path parameter can have."""
    shown = ", ".join(f"`{item}`" for item in known)
    return Mistake(
        "COS-HANDLER-016",
        f"Parameter `{name}` of `{signature.name}` is in the path, but one segment cannot be read as its type.",
        signature.where,
        why=f"Parameters of the path ({shown}) are single values.",
        fix="Give it a scalar type, such as `str`, `int` or `UUID`, or rename it.",
    )


def pass_refused(passed: Pass) -> ProgrammerError:
    """103: `Pass` on a route that does not allow it."""
    error = ProgrammerError(
        Mistake(
            "COS-HANDLER-103",
            "`Pass` was raised on a route without `fallthrough=True`.",
            why="Only such a route lets the next one that matches answer.",
            fix='@app.get("/…", fallthrough=True)',
        )
    )
    error.__cause__ = passed
    return error


def missing_app_value(provider: Provider) -> ProgrammerError:
    """104: a value of the application that was never made."""
    return ProgrammerError(
        Mistake(
            "COS-HANDLER-104",
            f"The value for `{type_name(provider.type)}` was not made at start-up.",
            why='Providers with lifetime="app" are made when the application\'s lifespan is entered.',
            fix="Serve the application with a lifespan, or use `with app.test_client() as client:` in tests.",
        )
    )


def not_a_response(name: str, value: object) -> ProgrammerError:
    """105: a layer that forgot its return."""
    return ProgrammerError(
        Mistake(
            "COS-HANDLER-105",
            f"The layer `{name}` returned `{type(value).__name__}`, not a `Response`.",
            why="A layer returns what `call_next` gave it, or a response of its own.",
            fix="    response = await call_next(request)\n    return response",
        )
    )
