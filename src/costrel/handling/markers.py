"""Markers: where the value of a parameter comes from, when its type and name do not say so.

Each works in an annotation, ``page: Annotated[int, Query(alias="p")]``, and as a default, ``page: int = Query(1)``.
A marker is a frozen value; what it means for a parameter is decided in `plan` while the app is built.

`Query` and its like are the classes beside them, typed as if they returned `Any`: a marker stands where a default of
any type stands, so ``page: int = Query(1)`` must type-check for every type of ``page``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, fields
from enum import Enum
from typing import Any, Protocol, Self

from costrel.messages import refuse_options

__all__ = [
    "UNSET",
    "Body",
    "BodyMarker",
    "Cookie",
    "CookieMarker",
    "Depends",
    "DependsMarker",
    "File",
    "FileMarker",
    "Form",
    "FormMarker",
    "Header",
    "HeaderMarker",
    "Marker",
    "Query",
    "QueryMarker",
    "Unset",
    "ValueMarker",
]


class Unset(Enum):
    """The type of `UNSET`: no value was given, where `None` would be one."""

    UNSET = "unset"

    def __repr__(self) -> str:
        return "UNSET"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True)
class ValueMarker:
    """A marker for a value that the client sends.

    Args:
        default: the value when the client sends none; without one the parameter is required.
        alias: the name on the wire, when it is not the parameter's.
        description: a sentence for the documentation.
        deprecated: whether clients should stop sending it.
    """

    default: object = UNSET
    _: KW_ONLY
    alias: str | None = None
    description: str = ""
    deprecated: bool = False

    def __new__(cls, *_: object, **options: object) -> Self:
        """Refuse an option that does not exist in words that help."""
        _check_options(cls, options)
        return object.__new__(cls)


@dataclass(frozen=True, slots=True)
class QueryMarker(ValueMarker):
    """The value is a field of the query string; a type with fields is filled from all of it."""


@dataclass(frozen=True, slots=True)
class HeaderMarker(ValueMarker):
    """The value is a header field; ``x_token`` is read from ``x-token`` unless `alias` says otherwise."""


@dataclass(frozen=True, slots=True)
class CookieMarker(ValueMarker):
    """The value is a cookie."""


@dataclass(frozen=True, slots=True)
class BodyMarker(ValueMarker):
    """The value is the whole body, decoded by its media type.

    Args:
        unique_keys: whether a JSON object with a key twice is refused with 400; what reads the first of two, for
            example a firewall, and what reads the last then never disagree.
    """

    unique_keys: bool = False


@dataclass(frozen=True, slots=True)
class FormMarker(ValueMarker):
    """The value is a field of a form; a type with fields is filled from all of it."""


@dataclass(frozen=True, slots=True)
class FileMarker(ValueMarker):
    """The value is an uploaded file, or with ``list[UploadFile]`` all files of one field."""


@dataclass(frozen=True, slots=True)
class DependsMarker:
    """The value is what a callable returns; its own parameters are read like a handler's.

    Args:
        factory: a function, generator function or class, sync or async; `None` is the annotated class.
        use_cache: whether one request calls it once, however many parameters want it.
    """

    factory: Callable[..., object] | None = None
    _: KW_ONLY
    use_cache: bool = True

    def __new__(cls, *_: object, **options: object) -> Self:
        """Refuse an option that does not exist in words that help."""
        _check_options(cls, options)
        return object.__new__(cls)


def _check_options(cls: type, options: Mapping[str, object]) -> None:
    known = {field.name for field in fields(cls)}
    if not options.keys() <= known:
        raise refuse_options(cls.__name__.removesuffix("Marker"), options.keys() - known, known)


Marker = ValueMarker | DependsMarker


class ValueMarkerFactory(Protocol):
    """How the markers for values are made."""

    def __call__(
        self, default: object = ..., *, alias: str | None = None, description: str = "", deprecated: bool = False
    ) -> Any:  # it stands where a default of any type stands
        """Make the marker; the arguments are those of `ValueMarker`."""
        ...


class BodyMarkerFactory(Protocol):
    """How `Body` is made."""

    def __call__(
        self,
        default: object = ...,
        *,
        alias: str | None = None,
        description: str = "",
        deprecated: bool = False,
        unique_keys: bool = False,
    ) -> Any:  # it stands where a default of any type stands
        """Make the marker; the arguments are those of `BodyMarker`."""
        ...


class DependsMarkerFactory(Protocol):
    """How `Depends` is made."""

    def __call__(
        self, factory: Callable[..., object] | None = None, *, use_cache: bool = True
    ) -> Any:  # it stands where a default of any type stands
        """Make the marker; the arguments are those of `DependsMarker`."""
        ...


Query: ValueMarkerFactory = QueryMarker
Header: ValueMarkerFactory = HeaderMarker
Cookie: ValueMarkerFactory = CookieMarker
Body: BodyMarkerFactory = BodyMarker
Form: ValueMarkerFactory = FormMarker
File: ValueMarkerFactory = FileMarker
Depends: DependsMarkerFactory = DependsMarker
