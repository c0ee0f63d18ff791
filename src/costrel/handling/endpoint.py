"""What goes into the compiler of endpoints and what comes out of it.

A `RouteSpec` is everything an app has collected about one route; an `Endpoint` is the compiled call with its
`EndpointInfo`, the public description that documentation and tools read, and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Literal

from costrel.handling.providers import Lifetime, ProviderTable
from costrel.handling.sharing import Shared
from costrel.messages import BindableLayer, Dispatch, Layer, LayerInfo, MessageLimits, Request, Response

__all__ = [
    "BodyInfo",
    "Endpoint",
    "EndpointInfo",
    "FailureAction",
    "HookSpec",
    "Mode",
    "ParameterInfo",
    "ProviderInfo",
    "ResponseInfo",
    "RouteSpec",
]

Convert = Callable[[Request, Exception], Awaitable[Response]]
FailureAction = Literal["reject", "log", "ignore"]
Mode = Literal["async", "thread", "inline", "mixed"]


@dataclass(frozen=True, slots=True)
class HookSpec:
    """A hook as it was registered.

    Args:
        function: what is called; its parameters are read like a handler's.
        where: file and line of the registration.
    """

    function: Callable[..., object]
    where: str = ""


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """Everything that decides how one route answers.

    Args:
        handler: a function, bound method, object with ``__call__``, partial or decorated function.
        path: the pattern, with the prefixes of its blueprints.
        methods: upper-case; ignored for a WebSocket.
        name: the route's name.
        path_parameters: the names in the pattern, those of host patterns included.
        where: file and line of the registration.
        custom_path_parameters: those that a converter of the application makes; their values are taken as they are.
        is_websocket: whether it is a WebSocket route.
        subprotocols: what a WebSocket route speaks, its favourite first.
        origins: of pages of other sites that may open it; ``*`` is all.
        status_code: of a plain return value; `None` is 200.
        media_type: of a plain return value; `None` follows from its type.
        text_as: what a returned `str` is.
        inline: whether a ``def`` handler runs on the loop; for trivial ones.
        cancel_on_disconnect: whether a handler is cancelled when its client leaves.
        fallthrough: whether ``raise Pass`` tries the next matching route.
        reads_body: whether a body is read before the first hook; no for an answer that needs none, such as 404.
        before: hooks before the handler, in running order.
        after: hooks after it, in running order.
        teardown: hooks at the end of the exchange, in running order.
        layers: outermost first, bound for this route.
        layer_sources: what each layer was bound from and is described by; empty when they are the layers themselves.
        providers: by type.
        convert: makes the response of an exception.
        responders: type -> what makes a `Response` of its values.
        body_parsers: media type -> what makes a value of the content, besides JSON and forms.
        on_fail: what a value that cannot be read leads to, by source: ``query``, ``header``, ``body`` and so on.
        debug: whether return values are checked fully.
        settings: the limits for this route.
        meta: what the route was registered with.
        shared: what it has in common with the other routes of its build.
    """

    handler: Callable[..., object]
    path: str
    methods: frozenset[str]
    name: str
    path_parameters: tuple[str, ...]
    where: str
    convert: Convert
    custom_path_parameters: frozenset[str] = frozenset()
    is_websocket: bool = False
    subprotocols: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    status_code: int | None = None
    media_type: str | None = None
    text_as: Literal["html", "json"] = "html"
    inline: bool = False
    cancel_on_disconnect: bool = False
    fallthrough: bool = False
    reads_body: bool = True
    before: tuple[HookSpec, ...] = ()
    after: tuple[HookSpec, ...] = ()
    teardown: tuple[HookSpec, ...] = ()
    layers: tuple[Layer, ...] = ()
    layer_sources: tuple[BindableLayer | Layer, ...] = ()
    providers: ProviderTable = field(default_factory=ProviderTable)
    responders: Mapping[type, Callable[[object], Response]] = field(default_factory=dict)
    body_parsers: Mapping[str, Callable[[bytes], object]] = field(default_factory=dict)
    on_fail: Mapping[str, FailureAction] = field(default_factory=dict)
    debug: bool = False
    settings: MessageLimits = field(default_factory=MessageLimits)
    meta: Mapping[str, object] = field(default_factory=dict)
    shared: Shared = field(default_factory=Shared)


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """A value that the client sends.

    Args:
        name: on the wire.
        source: ``path``, ``query``, ``header``, ``cookie``, ``form`` or ``file``.
        type: its type, with its constraints in ``Annotated``.
        required: whether a request without it is refused.
        default: its value then, `None` when there is none.
        description: of its marker.
        deprecated: of its marker.
    """

    name: str
    source: str
    type: object
    required: bool
    default: object = None
    description: str = ""
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class BodyInfo:
    """The body that a route reads.

    Args:
        type: what it is decoded to; `bytes` for a stream.
        media_types: what is accepted.
        required: whether a request without one is refused.
        description: of its marker.
    """

    type: object
    media_types: tuple[str, ...]
    required: bool
    description: str = ""


@dataclass(frozen=True, slots=True)
class ResponseInfo:
    """The answer of the handler when it succeeds.

    Args:
        status_code: its status.
        type: the declared return type, `None` when there is none.
        media_type: its media type when it is known beforehand.
    """

    status_code: int
    type: object = None
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class ProviderInfo:
    """A provider that a route uses.

    Args:
        type: what it makes.
        factory: module and name of its factory.
        lifetime: when its exit runs.
        runs: ``loop``, ``thread`` or ``inline``.
    """

    type: object
    factory: str
    lifetime: Lifetime
    runs: Literal["loop", "thread", "inline"]


@dataclass(frozen=True, slots=True)
class EndpointInfo:
    """The public description of one route; documentation and tools read this and nothing else.

    Args:
        methods: upper-case.
        path: the pattern.
        name: the route's name.
        handler: module and name of the handler.
        where: file and line of its registration.
        mode: where the handler runs.
        hops: thread hops of a request that succeeds.
        is_websocket: whether it is a WebSocket.
        parameters: values from path, query, header fields, cookies and form fields, in the order they are read.
        body: the body, or `None`.
        response: the answer when all is well.
        layers: name of each layer and what it says of itself, outermost first.
        providers: in the order they are made.
        meta: what the route was registered with.
    """

    methods: frozenset[str]
    path: str
    name: str
    handler: str
    where: str
    mode: Mode
    hops: int
    is_websocket: bool = False
    parameters: tuple[ParameterInfo, ...] = ()
    body: BodyInfo | None = None
    response: ResponseInfo = field(default_factory=lambda: ResponseInfo(200))
    layers: tuple[tuple[str, LayerInfo], ...] = ()
    providers: tuple[ProviderInfo, ...] = ()
    meta: Mapping[str, object] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Return the description as values that JSON knows; types and foreign values become text."""
        return {entry.name: _as_json(getattr(self, entry.name)) for entry in fields(self)}


def _as_json(value: object) -> object:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {entry.name: _as_json(getattr(value, entry.name)) for entry in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(map(str, value))
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    return value.__name__ if isinstance(value, type) else str(value)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One compiled route.

    Args:
        dispatch: answers a request, layers included; it never raises an `Exception` but `Pass` on a fallthrough route.
        lines: the generated text, as `linecache` has it.
        info: the public description.
        mode: where the handler runs.
        hops: thread hops of a request that succeeds.
    """

    dispatch: Dispatch
    lines: Sequence[str]
    info: EndpointInfo
    mode: Mode
    hops: int

    @property
    def source(self) -> str:
        """The generated text."""
        return "".join(self.lines)
