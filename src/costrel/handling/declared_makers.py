"""The functions that make responses of declared values; `returning` chooses one of them for each handler.

Each holds what is fixed for its route, and comes to the right value first: one comparison, one encoding, one
`Response`. What is not right goes to `_settle`: a `Response` is taken as it is, None is a forgotten ``return``, and
the rest does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from costrel.handling.output_filter import Check, declared_check, narrow_to, output_verifier
from costrel.handling.pydantic_types import adapter_of, contains_pydantic, explain_errors, is_pydantic_error
from costrel.handling.responders import JSON, Make, ReturnOptions, ValueResponders, encode, logger
from costrel.handling.return_mistakes import not_as_declared, returned_none, unencodable
from costrel.handling.sharing import Shared
from costrel.messages import Response

__all__ = [
    "empty_maker",
    "first_fit_maker",
    "is_anything",
    "is_bytes",
    "is_stream",
    "is_text",
    "json_maker",
    "response_only_maker",
    "value_maker",
]


def _settle(value: Any, annotation: object, options: ReturnOptions, by_value: ValueResponders) -> Response:
    """Find a response for a value that is not what was declared.

    Raises:
        ProgrammerError: COS-HANDLER-206, it does not fit; COS-HANDLER-207, it is None, in debug mode.
    """
    if isinstance(value, Response):
        return value
    if value is None:
        if options.debug:
            raise returned_none(annotation, options.where)
        return by_value.make_nothing(None)
    raise not_as_declared(value, annotation, options.where, "")


def is_anything(value: Any) -> bool:
    """Accept every value, for the last of several ways."""
    return True


def is_text(value: Any) -> bool:
    """Whether a value is a `str`."""
    return isinstance(value, str)


def is_bytes(value: Any) -> bool:
    """Whether a value is bytes of any kind."""
    return isinstance(value, bytes | bytearray | memoryview)


def is_stream(value: Any) -> bool:
    """Whether a value is pulled piece by piece; a list is not."""
    return hasattr(value, "__next__") or hasattr(value, "__anext__") or hasattr(value, "__aiter__")


def value_maker(
    is_value: Check, make: Make, annotation: object, options: ReturnOptions, by_value: ValueResponders
) -> Make:
    """Make the maker of one kind of value: text, bytes, streams, or what a responder takes."""

    def make_declared(value: Any) -> Response:
        if is_value(value):
            return make(value)
        return _settle(value, annotation, options, by_value)

    return make_declared


def empty_maker(annotation: object, options: ReturnOptions) -> Make:
    """Make the maker for ``-> None``: nothing is sent, whatever comes."""
    status_code = options.status_code or 204
    has_warned = False

    def make_empty(value: Any) -> Response:
        nonlocal has_warned
        if value is None:
            return Response(None, status_code)
        if isinstance(value, Response):
            return value
        if options.debug:
            raise not_as_declared(value, None, options.where, "")
        if not has_warned:
            has_warned = True
            logger.warning(
                "value_dropped handler=%r type=%s fix='declare what it returns'", options.where, type(value).__name__
            )
        return Response(None, status_code)

    return make_empty


def response_only_maker(annotation: object, options: ReturnOptions, by_value: ValueResponders) -> Make:
    """Make the maker for ``-> Response``, which has nothing to do."""

    def make_response(value: Any) -> Response:
        if isinstance(value, Response):
            return value
        return _settle(value, annotation, options, by_value)

    return make_response


def first_fit_maker(ways: list[tuple[Check, Make]]) -> Make:
    """Make the maker of a union with several ways: the first that fits the value; what fits none takes the last."""
    last = ways[-1][1]

    def make_first_fit(value: Any) -> Response:
        return next((make for is_value, make in ways if is_value(value)), last)(value)

    return make_first_fit


def json_maker(
    annotation: object, options: ReturnOptions, by_value: ValueResponders, shared: Shared | None = None
) -> Make:
    """Make the maker of data: encoded as it is when it is what was declared, narrowed to that otherwise.

    Args:
        annotation: what is sent as JSON; a type that msgspec or pydantic can encode.
        options: how.
        by_value: makes the response of a forgotten ``return``.
        shared: keeps what follows from the annotation alone.
    """

    def describe() -> _DeclaredType:
        return _DeclaredType(annotation, options.debug)

    declared = describe() if shared is None else shared.once(describe, "returned", annotation, options.debug)
    others = _OtherValues(declared, options, by_value)
    is_declared = declared.is_declared
    encode = declared.encode if declared.verify is None else others.encode_verified
    status_code = options.status_code or 200
    media_type = options.media_type or JSON

    def make_json(value: Any) -> Response:
        if not is_declared(value):
            narrowed = others.narrow(value)
            if isinstance(narrowed, Response):
                return narrowed
            value = narrowed
        try:
            content = encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise unencodable(value, others.where, error) from error
        return Response(content, status_code, None, media_type)

    return make_json


class _DeclaredType:
    """What can be done with values of one type, whatever route returns them.

    Attributes:
        annotation: the type.
        is_declared: whether a value needs no narrowing.
        encode: to JSON.
        narrow: what makes a value of the type of another one, `None` where there is nothing to convert to.
        verify: finds what is wrong with encoded output, in debug mode.
    """

    __slots__ = ("annotation", "encode", "is_declared", "narrow", "verify")

    def __init__(self, annotation: object, debug: bool) -> None:
        self.annotation: object = annotation
        self.is_declared: Check = declared_check(annotation) or is_anything
        self.encode: Callable[[Any], bytes] = _encoder_for(annotation)
        self.narrow: Callable[[Any], Any] | None = narrow_to(annotation)
        self.verify: Callable[[bytes], str] | None = output_verifier(annotation) if debug else None


class _OtherValues:
    """What becomes of values of one route that are not quite what was declared."""

    __slots__ = ("_by_value", "_declared", "_options")

    def __init__(self, declared: _DeclaredType, options: ReturnOptions, by_value: ValueResponders) -> None:
        self._declared = declared
        self._options = options
        self._by_value = by_value

    @property
    def where(self) -> str:
        """The handler and its line, for messages."""
        return self._options.where

    def narrow(self, value: Any) -> Any:
        """Make a value of the declared type of one that is something else, or a response where there is none."""
        declared = self._declared
        if value is None or declared.narrow is None or isinstance(value, Response):
            return _settle(value, declared.annotation, self._options, self._by_value)
        try:
            return declared.narrow(value)
        except (msgspec.ValidationError, ValueError) as error:
            raise not_as_declared(value, declared.annotation, self.where, _explain(error)) from None

    def encode_verified(self, value: Any) -> bytes:
        """Encode a value in debug mode, and refuse what is not as declared then."""
        declared = self._declared
        content = declared.encode(value)
        errors = declared.verify(content) if declared.verify is not None else ""
        if errors:
            raise not_as_declared(value, declared.annotation, self.where, errors)
        return content


def _encoder_for(annotation: object) -> Callable[[Any], bytes]:
    """Return what encodes a declared value in one pass."""
    if contains_pydantic(annotation):
        to_json = adapter_of(annotation).serializer.to_json

        def encode_model(value: Any) -> bytes:
            content: bytes = to_json(value, by_alias=True, warnings=False)
            return content

        return encode_model
    return encode


def _explain(error: Exception) -> str:
    """Say what does not fit, without the values: they may be secret, and the text goes to the log."""
    if is_pydantic_error(error):
        return "\n".join(f"{message} - at `${at}`" for at, message in explain_errors(error))
    return str(error)
