"""From a handler's signature to a compiled call: parameters, providers, hooks, layers and return values.

A `RouteSpec` goes into `compile_endpoint`, an `Endpoint` comes out; all decisions are made there, once. Read `plan`
first, then `planning` (what a parameter means), `emit` (the generated function) and `scope` (how everything that was
entered is ended). How values are decoded is in `decoding`, how responses are made in `returning`.

Nothing here knows the app: it is handed everything as values.
"""

from __future__ import annotations

from costrel.handling.app_values import AppValues, check_app_providers, start_app_providers
from costrel.handling.compile import compile_endpoint
from costrel.handling.endpoint import (
    BodyInfo,
    Endpoint,
    EndpointInfo,
    HookSpec,
    ParameterInfo,
    ProviderInfo,
    ResponseInfo,
    RouteSpec,
)
from costrel.handling.finishing import is_finished, start_stream
from costrel.handling.layering import compile_layers
from costrel.handling.markers import Body, Cookie, Depends, File, Form, Header, Query
from costrel.handling.providers import Lifetime, Provider, ProviderTable
from costrel.handling.returning import ResponseMaker, response_maker
from costrel.handling.sharing import Shared
from costrel.handling.signature import path_annotations

__all__ = [
    "AppValues",
    "Body",
    "BodyInfo",
    "Cookie",
    "Depends",
    "Endpoint",
    "EndpointInfo",
    "File",
    "Form",
    "Header",
    "HookSpec",
    "Lifetime",
    "ParameterInfo",
    "Provider",
    "ProviderInfo",
    "ProviderTable",
    "Query",
    "ResponseInfo",
    "ResponseMaker",
    "RouteSpec",
    "Shared",
    "check_app_providers",
    "compile_endpoint",
    "compile_layers",
    "is_finished",
    "path_annotations",
    "response_maker",
    "start_app_providers",
    "start_stream",
]
