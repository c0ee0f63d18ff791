"""Routing: from a request to a target, and from a name back to a path.

Patterns are parsed once (`parse_pattern`), put into a frozen table (`build_table`) and matched by `RouteTable.find`.
The most specific pattern that has the method wins; the order of registration never matters, and a tie is a mistake
that is reported at build. `NameIndex` builds paths from names. Targets are opaque: this room knows no handlers, no
responses and no application.

Read `pattern_parser` for the notation, `tree` for the matching.
"""

from __future__ import annotations

from costrel.routing.conversion import Converter
from costrel.routing.converters import BUILTIN_CONVERTERS, converter_for_annotation
from costrel.routing.entries import WEBSOCKET, RouteEntry, TrailingSlash
from costrel.routing.hosts import HostPattern, parse_host
from costrel.routing.no_match import NoMatch
from costrel.routing.pattern import MissingValue, Pattern
from costrel.routing.pattern_parser import parse_pattern
from costrel.routing.predicates import AcceptVersion, HeaderIs
from costrel.routing.requests import RequestLike
from costrel.routing.reverse import NameIndex, ReversedPath
from costrel.routing.table import RouteTable, build_table

__all__ = [
    "BUILTIN_CONVERTERS",
    "WEBSOCKET",
    "AcceptVersion",
    "Converter",
    "HeaderIs",
    "HostPattern",
    "MissingValue",
    "NameIndex",
    "NoMatch",
    "Pattern",
    "RequestLike",
    "ReversedPath",
    "RouteEntry",
    "RouteTable",
    "TrailingSlash",
    "build_table",
    "converter_for_annotation",
    "parse_host",
    "parse_pattern",
]
