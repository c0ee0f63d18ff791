"""JSON bodies: decoding with the checks that a decoder alone does not make, and the object behind ``request.json()``.

Decoding is one pass of msgspec. Depth and the length of numbers are looked at only where the type does not bound them
(untyped or recursive), and exactly only where a quick count does not settle it. Whatever is wrong with the text is
400 with the position; a value that does not fit the type is 422.

Of two equal keys in an object the last counts, as in every common reader. All errors of one body together are
collected one floor up; here one is enough.

Spec: RFC 8259.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NoReturn, TypeVar, overload

import msgspec
from msgspec import inspect

from costrel.errors import BadRequest, UnsupportedMediaType, ValidationFailed
from costrel.messages.content import Content
from costrel.messages.limits import MessageLimits

__all__ = ["JSONReader", "check_json_shape", "decode_json", "is_bounded_type", "is_json_media_type"]

T = TypeVar("T")

MAX_NUMBER_DIGITS = 308
"""How many digits an integer of untyped JSON may have: those that a float of the same size can."""

# The end of the text closes a string too, so a match never fails and nothing is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*(?:"|\\?\Z)', re.DOTALL)
# PERF: `in` on digits made equal instead of a regular expression, saves 12 µs a KiB (benchmarks/decoding.py, 3.11)
_ALIKE_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_TOO_MANY_DIGITS = b"0" * (MAX_NUMBER_DIGITS + 1)
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


class JSONReader:
    """What `request.json` is: a call that decodes the content.

    Args:
        content: of the request.
        content_type: its media type without parameters.
        limits: of the application.
    """

    __slots__ = ("_content", "_content_type", "_limits")

    def __init__(self, content: Content, content_type: str, limits: MessageLimits) -> None:
        self._content = content
        self._content_type = content_type
        self._limits = limits

    @overload
    def __call__(self, *, force: bool = False) -> Any: ...  # JSON values have no common static type
    @overload
    def __call__(self, *, type: type[T], force: bool = False) -> T: ...
    def __call__(self, *, type: Any = Any, force: bool = False) -> Any:  # the overloads say what callers see
        """Decode the content.

        Args:
            type: what it must be, for example a Struct, a dataclass or ``list[int]``; by default anything.
            force: decode it whatever its media type is.

        Raises:
            UnsupportedMediaType: the media type is not JSON.
            BadRequest: it is not valid JSON, or nested too deeply.
            ValidationFailed: it does not fit `type`.
        """
        if not force and not is_json_media_type(self._content_type):
            given = f"not `{self._content_type}`" if self._content_type else "and the request names no media type"
            raise UnsupportedMediaType(f"The body must be JSON, {given}.", headers={"Accept": "application/json"})
        content = self._content if isinstance(self._content, bytes) else self._content.read()
        return decode_json(content, type, max_depth=self._limits.max_json_depth)

    def __getitem__(self, key: object) -> NoReturn:
        raise TypeError(f"`request.json()` is a call here: write `request.json()[{key!r}]`.")

    def __await__(self) -> NoReturn:
        raise TypeError("`request.json()` is a plain call here, and `request.json` without it is no value.")

    def get(self, key: object, default: object = None) -> NoReturn:
        """Explain itself to those who take it for a dictionary.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"`request.json()` is a call here: write `request.json().get({key!r})`.")

    def __repr__(self) -> str:
        return "<JSONReader: call it, `request.json()`>"


def is_json_media_type(essence: str) -> bool:
    """Tell whether content of this media type is JSON: ``application/json`` or anything that ends in ``+json``."""
    return essence == "application/json" or essence.endswith("+json")


@overload
def decode_json(content: bytes, type_: type[T], *, max_depth: int | None) -> T: ...
@overload
def decode_json(content: bytes, type_: Any, *, max_depth: int | None) -> Any: ...  # type forms are no `type`
def decode_json(content: bytes, type_: Any, *, max_depth: int | None) -> Any:  # the overloads say what callers see
    """Decode JSON into a type.

    Args:
        content: UTF-8 without a byte order mark.
        type_: any type that msgspec knows; `Any` takes everything.
        max_depth: how deeply it may be nested where the type does not say; `None` is without limit.

    Raises:
        BadRequest: it is not JSON, or nested too deeply, or has an integer of more than 308 digits where the type
            takes anything.
        ValidationFailed: it does not fit the type.

    Spec:
        RFC 8259 §2, §8.1, §9.
    """
    decoder = _decoder_of(type_)
    if max_depth is not None and not decoder.is_bounded:
        check_json_shape(content, max_depth=max_depth)
    try:
        return decoder.decode(content)
    except msgspec.ValidationError as error:
        if "out of range" in str(error):
            raise _malformed("a number is out of range") from None
        raise ValidationFailed([_error_of(str(error))]) from None
    except msgspec.DecodeError as error:
        raise _malformed(_reason_of(str(error))) from None
    except UnicodeDecodeError:
        raise _malformed(f"a string is not UTF-8 (byte {_first_bad_byte(content)})") from None
    except RecursionError:
        raise BadRequest("The JSON of the body is nested too deeply.") from None


def check_json_shape(content: bytes, *, max_depth: int) -> None:
    """Refuse JSON that is nested too deeply or has endless integers, in time linear in its length.

    What is no JSON at all may pass; the decoder finds it.

    Args:
        content: the text.
        max_depth: how many brackets may be open at once, 0 or more.

    Raises:
        BadRequest: it is.
    """
    bracket_count = content.count(b"[") + content.count(b"{")
    if bracket_count <= max_depth and _TOO_MANY_DIGITS not in content.translate(_ALIKE_DIGITS):
        return
    outside_strings = _STRING.sub(b'""', content)
    if _TOO_MANY_DIGITS in outside_strings.translate(_ALIKE_DIGITS):
        raise BadRequest(f"The JSON of the body has a number of more than {MAX_NUMBER_DIGITS} digits.")
    # Each round takes away the innermost pairs, so a document of depth n is gone after n rounds.
    brackets = outside_strings.translate(_SQUARE, _NOT_BRACKETS)
    for _ in range(max_depth):
        rest = brackets.replace(b"[]", b"")
        if len(rest) == len(brackets):
            break
        brackets = rest
    if b"[]" in brackets or len(brackets) > max_depth:
        raise BadRequest(f"The JSON of the body is nested more than {max_depth} levels deep.")


class _Decoder:
    """A decoder with what is known of its type."""

    __slots__ = ("decode", "is_bounded")

    def __init__(self, type_: Any) -> None:
        self.decode = msgspec.json.Decoder(type_).decode
        self.is_bounded = is_bounded_type(type_)


@lru_cache(maxsize=256)
def _cached_decoder(type_: Any) -> _Decoder:
    return _Decoder(type_)


def _decoder_of(type_: Any) -> _Decoder:
    try:
        return _cached_decoder(type_)
    except TypeError:
        # The type cannot be hashed, for example `Literal[[]]`; msgspec says so itself if it does not know it either.
        return _Decoder(type_)


def is_bounded_type(type_: Any) -> bool:  # a type form is no `type`
    """Tell whether a type says itself how deep its JSON can be: nothing untyped in it, and nothing recursive.

    Args:
        type_: any type that msgspec knows; for another the answer is `False`.
    """
    try:
        return _is_bounded(inspect.type_info(type_), ())
    except TypeError:
        return False


def _is_bounded(info: inspect.Type, inside: tuple[object, ...]) -> bool:
    """Walk a type; `inside` are the classes that are being walked, so that recursion is seen."""
    if isinstance(info, inspect.AnyType | inspect.RawType | inspect.CustomType):
        return False
    if isinstance(info, inspect.Metadata):
        return _is_bounded(info.type, inside)
    if isinstance(info, inspect.UnionType):
        return all(_is_bounded(member, inside) for member in info.types)
    if isinstance(info, inspect.DictType):
        return _is_bounded(info.value_type, inside)
    if isinstance(info, inspect.TupleType):
        return all(_is_bounded(member, inside) for member in info.item_types)
    if isinstance(info, inspect.CollectionType):
        return _is_bounded(info.item_type, inside)
    if isinstance(info, inspect.StructType | inspect.DataclassType | inspect.TypedDictType | inspect.NamedTupleType):
        if info.cls in inside:
            return False
        return all(_is_bounded(field.type, (*inside, info.cls)) for field in info.fields)
    return True


def _malformed(reason: str) -> BadRequest:
    return BadRequest(f"The body is not valid JSON: {reason}.")


def _reason_of(message: str) -> str:
    """Turn the message of the decoder into the end of our sentence."""
    reason = message.removeprefix("JSON is malformed: ")
    # The decoder says this also of an escaped high surrogate without its low one.
    return "it ends in the middle of a value" if reason == "Input data was truncated" else reason


def _first_bad_byte(content: bytes) -> int:
    """Return the place of what is no UTF-8; the decoder counts from the beginning of the string only."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(content)


def _error_of(message: str) -> dict[str, str]:
    """Split ``Expected `int`, got `str` - at `$.a``` into what and where."""
    what, _, at = message.partition(" - at `")
    return {"in": "body", "at": at.rstrip("`") or "$", "message": what}
