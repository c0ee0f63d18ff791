"""The public description of a compiled route, made from its plan."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Literal

from costrel.handling.bodies import FORM_MEDIA_TYPES, JSON_MEDIA_TYPE
from costrel.handling.decoding import is_form_type
from costrel.handling.endpoint import (
    BodyInfo,
    EndpointInfo,
    Mode,
    ParameterInfo,
    ProviderInfo,
    ResponseInfo,
    RouteSpec,
)
from costrel.handling.markers import UNSET
from costrel.handling.plan import Make, Place, Plan, Read
from costrel.handling.returning import ResponseMaker
from costrel.handling.signature import name_of
from costrel.messages import BindableLayer, Layer, LayerInfo

__all__ = ["describe"]

_PARAMETER_SOURCES = frozenset({"path", "query", "header", "cookie", "form", "file"})
_RUNS: dict[Place, Literal["loop", "thread", "inline"]] = {
    Place.LOOP: "loop",
    Place.THREAD: "thread",
    Place.ANYWHERE: "inline",
}


def describe(spec: RouteSpec, plan: Plan, maker: ResponseMaker, mode: Mode, hops: int) -> EndpointInfo:
    """Describe a route."""
    reads = [read for stage in (*plan.core, *plan.after) for read in stage.reads]
    return EndpointInfo(
        methods=spec.methods,
        path=spec.path,
        name=spec.name,
        handler=spec.shared.line(f"{getattr(spec.handler, '__module__', '')}.{name_of(spec.handler)}".lstrip(".")),
        where=spec.where,
        mode=mode,
        hops=hops,
        is_websocket=spec.is_websocket,
        parameters=tuple(_parameters(reads, spec)),
        body=next((_body(read, spec) for read in reads if read.source in ("body", "stream")), None),
        response=_response(101 if spec.is_websocket else maker.status_code, maker, spec),
        layers=tuple(_describe_layer(layer) for layer in spec.layer_sources or spec.layers),
        providers=tuple(_provider(make) for stage in (*plan.core, *plan.after) for make in stage.makes),
        meta=spec.meta,
    )


def _parameters(reads: Iterable[Read], spec: RouteSpec) -> Iterable[ParameterInfo]:
    for read in reads:
        if read.source not in _PARAMETER_SOURCES:
            continue
        parameter, marker = read.parameter, read.marker
        known = (
            read.name,
            read.source,
            str if parameter.annotation is UNSET else parameter.annotation,
            parameter.default is UNSET,
            None if parameter.default is UNSET else parameter.default,
            marker.description if marker is not None else "",
            marker.deprecated if marker is not None else False,
        )
        yield spec.shared.once(partial(ParameterInfo, *known), "parameter", *known)


def _response(status_code: int, maker: ResponseMaker, spec: RouteSpec) -> ResponseInfo:
    known = (status_code, maker.type_, maker.media_type)
    return spec.shared.once(partial(ResponseInfo, *known), "response", *known)


def _body(read: Read, spec: RouteSpec) -> BodyInfo:
    if read.source == "stream":
        return BodyInfo(bytes, ("*/*",), required=False)
    annotation = read.parameter.annotation
    media_types = (JSON_MEDIA_TYPE, *(FORM_MEDIA_TYPES if is_form_type(annotation) else ()), *spec.body_parsers)
    return BodyInfo(
        type=annotation,
        media_types=("*/*",) if annotation in (bytes, str) else media_types,
        required=read.parameter.default is UNSET,
        description=read.marker.description if read.marker is not None else "",
    )


def _provider(make: Make) -> ProviderInfo:
    factory = make.provider.factory
    return ProviderInfo(
        type=make.provider.type,
        factory=f"{getattr(factory, '__module__', '')}.{name_of(factory)}".lstrip("."),
        lifetime=make.lifetime,
        runs=_RUNS[make.place],
    )


def _describe_layer(layer: BindableLayer | Layer) -> tuple[str, LayerInfo]:
    if isinstance(layer, BindableLayer):
        return type(layer).__name__, layer.describe()
    return name_of(layer), LayerInfo()
