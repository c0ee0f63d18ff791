"""Reading the body of a request as the declared type: JSON, a form, or what a parser of the application knows.

The media type decides. What none of them reads is a 415 (RFC 9110 §15.5.16); no content at all is the parameter's
default, or a validation error when it has none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from costrel.errors import BadRequest, HTTPError, UnsupportedMediaType, ValidationFailed
from costrel.handling.binding import MISSING, Errors, Reader
from costrel.handling.decoding import BodyDecoder, FieldsDecoder
from costrel.handling.markers import UNSET
from costrel.http import essence_of
from costrel.messages import BodyStream, Request, is_json_media_type

__all__ = ["FORM_MEDIA_TYPES", "JSON_MEDIA_TYPE", "check_form_type", "read_body", "read_body_stream", "read_raw_body"]

JSON_MEDIA_TYPE = "application/json"
_RAW_JSON_MEDIA_TYPE = JSON_MEDIA_TYPE.encode()
FORM_MEDIA_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


def read_body(
    type_: object,
    decoder: BodyDecoder[object],
    fields_decoder: FieldsDecoder[object] | None,
    parsers: Mapping[str, Callable[[bytes], object]],
    default: object,
) -> Reader:
    """Make the reader of a body.

    Args:
        type_: the declared type.
        decoder: reads it from JSON.
        fields_decoder: reads it from a form; `None` when a form cannot hold it.
        parsers: media type -> what makes plain values of the content, which are then converted to the type.
        default: without any content.
    """
    decode = decoder.decode
    accepted = [JSON_MEDIA_TYPE, *(FORM_MEDIA_TYPES if fields_decoder is not None else ()), *parsers]

    def read(request: Request, errors: Errors) -> object:
        field_value = request.headers.get_raw(b"content-type")
        content = request.content
        try:
            # The exact value that nearly all clients send needs no parsing.
            if field_value == _RAW_JSON_MEDIA_TYPE:
                return decode(content if type(content) is bytes else request.body)
            return read_other(request, field_value)
        except ValidationFailed as failed:
            errors.extend(failed.errors)
            return default

    def read_other(request: Request, field_value: bytes | None) -> object:
        essence = essence_of(field_value) if field_value is not None else ""
        if essence in parsers:
            return parse(parsers[essence], request.body)
        if fields_decoder is not None and essence in FORM_MEDIA_TYPES:
            return fields_decoder.decode(request.form, request.files)
        content = request.body
        if is_json_media_type(essence):
            return decode(content)
        if not content:
            if default is UNSET:
                raise ValidationFailed([{"in": "body", "at": "$", "message": MISSING}])
            return default
        raise _unsupported(essence, accepted)

    def parse(parser: Callable[[bytes], object], content: bytes) -> object:
        try:
            value = parser(content)
        except (HTTPError, ValidationFailed):
            raise
        except ValueError as error:
            raise BadRequest("The content is malformed.") from error
        return decode(msgspec.json.encode(value))

    return read


def read_raw_body(is_text: bool, default: object) -> Reader:
    """Make the reader of a body that is taken as it is, of any media type."""

    def read(request: Request, errors: Errors) -> object:
        content = request.body
        if not content and default is not UNSET:
            return default
        return content.decode("utf-8", "replace") if is_text else content

    return read


def read_body_stream(name: str) -> Reader:
    """Make the reader of a `BodyStream`; it marks the body as consumed."""

    def read(request: Request, errors: Errors) -> object:
        kept = request.kept_content
        request.take_stream(name)
        return BodyStream(request.exchange, request.headers, request.limits, request.max_body_bytes, kept)

    return read


def check_form_type(request: Request) -> None:
    """Refuse a body that is no form where form fields or files are declared.

    Raises:
        UnsupportedMediaType: there is content of another media type.
    """
    essence = request.content_type
    if essence not in FORM_MEDIA_TYPES and (essence or request.body):
        raise _unsupported(essence, FORM_MEDIA_TYPES)


def _unsupported(essence: str, accepted: object) -> UnsupportedMediaType:
    names = ", ".join(f"`{name}`" for name in accepted) if isinstance(accepted, list | tuple) else ""
    got = f"`{essence}`" if essence else "no media type"
    return UnsupportedMediaType(f"Expected {names}, got {got}."[:500])
