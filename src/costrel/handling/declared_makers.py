"""The functions that make responses of declared values; `returning` chooses one of them for each handler.

Each is a closure over what is fixed for its route, with the right value first: one comparison, one encoding, one
`Response`. What is not right goes to `_settle`: a `Response` is taken as it is, None is a forgotten ``return``, and
the rest does not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from costrel.handling.output_filter import Check, declared_check, narrow_to, output_verifier
from costrel.handling.pydantic_types import adapter_of, contains_pydantic, explain_errors, is_pydantic_error
from costrel.handling.responders import JSON, Make, ReturnOptions, ValueResponders, encode_hook, logger
from costrel.handling.return_mistakes import not_as_declared, returned_none, unencodable
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


def json_maker(annotation: object, options: ReturnOptions, by_value: ValueResponders) -> Make:
    """Make the maker of data: encoded as it is when it is what was declared, narrowed to that otherwise.

    Args:
        annotation: what is sent as JSON; a type that msgspec or pydantic can encode.
        options: how.
        by_value: makes the response of a forgotten ``return``.
    """
    status_code = options.status_code or 200
    media_type = options.media_type or JSON
    is_declared = declared_check(annotation) or is_anything
    encode = _encoder_for(annotation)
    narrow = narrow_to(annotation)
    verify = output_verifier(annotation) if options.debug else None

    def respond(value: Any) -> Response:
        try:
            content = encode(value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise unencodable(value, options.where, error) from error
        if verify is not None and (errors := verify(content)):
            raise not_as_declared(value, annotation, options.where, errors)
        return Response(content, status_code, None, media_type)

    def make_json(value: Any) -> Response:
        if is_declared(value):
            return respond(value)
        if value is None or narrow is None or isinstance(value, Response):
            return _settle(value, annotation, options, by_value)
        try:
            narrowed = narrow(value)
        except (msgspec.ValidationError, ValueError) as error:
            raise not_as_declared(value, annotation, options.where, _explain(error)) from None
        return respond(narrowed)

    return make_json


def _encoder_for(annotation: object) -> Callable[[Any], bytes]:
    """Return what encodes a declared value in one pass."""
    if contains_pydantic(annotation):
        to_json = adapter_of(annotation).serializer.to_json

        def encode(value: Any) -> bytes:
            content: bytes = to_json(value, by_alias=True, warnings=False)
            return content

        return encode
    return msgspec.json.Encoder(enc_hook=encode_hook).encode


def _explain(error: Exception) -> str:
    """Say what does not fit, without the values: they may be secret, and the text goes to the log."""
    if is_pydantic_error(error):
        return "\n".join(f"{message} - at `${at}`" for at, message in explain_errors(error))
    return str(error)
