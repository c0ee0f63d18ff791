"""Content negotiation: what the client would like, weighed against what the server offers.

`parse_accept` reads the list that Accept, Accept-Language, Accept-Encoding and Accept-Charset share; one function a
dimension then chooses among offers. Weights are integers from 0 to 1000, so that equal ones are equal. Where the
client has no preference, the server's order of offers decides.

A field that cannot be read says nothing, and then every offer is as good as with no field at all: negotiation is
advice, and a bad header is no reason to answer 406. What becomes of `None` is the caller's decision too.

Spec: RFC 9110 §12.4, §12.5; RFC 4647 §3.4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from costrel.http.fields import TCHARS
from costrel.http.media_types import MediaType, parse_media_type, parse_parameters

__all__ = [
    "AcceptItem",
    "negotiate_charset",
    "negotiate_encoding",
    "negotiate_language",
    "negotiate_media_type",
    "parse_accept",
    "quality_of",
]

MAX_ELEMENT_CHARACTERS = 1024
"""A list element longer than this is ignored; no client sends one."""


@dataclass(frozen=True, slots=True)
class AcceptItem:
    """One element of an Accept field.

    Args:
        value: what is accepted in lower case: ``text/html``, ``text/*``, ``en-gb``, ``gzip`` or ``*``.
        quality: the weight times 1000, so 0 (not acceptable) to 1000 (the default).
        parameters: of a media range, without the weight; names in lower case, values as sent.
    """

    value: str
    quality: int = 1000
    parameters: tuple[tuple[str, str], ...] = ()


# Every quote that opens is taken up to its end or to the end of the field, so that no character is looked at twice.
_iter_elements = re.compile(r'(?:[^",]++|"(?:[^"\\]++|\\.)*(?:"|\\?\Z))+', re.DOTALL).finditer
_match_value = re.compile(rf"{TCHARS}(?:/{TCHARS})?").match
_match_weight = re.compile(r"0(?:\.([0-9]{0,3}))?|1(?:\.0{0,3})?").fullmatch


def parse_accept(field_value: str, max_items: int = 32) -> tuple[AcceptItem, ...]:
    """Parse the value of an Accept, Accept-Language, Accept-Encoding or Accept-Charset field.

    Args:
        field_value: the value without the field name; several lines are joined by commas first.
        max_items: elements looked at, readable or not; what follows is ignored.

    Returns:
        The elements in the order sent. One with bad syntax or a bad weight is left out.

    Spec:
        RFC 9110 §12.4.2.

    >>> parse_accept("text/html, */*;q=0.5")
    (AcceptItem(value='text/html', quality=1000, parameters=()), AcceptItem(value='*/*', quality=500, parameters=()))
    """
    return _parse_list(field_value, max_items)


# Few values are in use, and a browser sends one of them with every request.
@lru_cache(maxsize=128)
def _parse_list(field_value: str, max_items: int) -> tuple[AcceptItem, ...]:
    items: list[AcceptItem] = []
    for count, match in enumerate(_iter_elements(field_value)):
        if count == max_items:
            break
        if match.end() - match.start() <= MAX_ELEMENT_CHARACTERS:
            item = _parse_item(match[0].strip(" \t"))
            if item is not None:
                items.append(item)
    return tuple(items)


def _parse_item(element: str) -> AcceptItem | None:
    match = _match_value(element)
    if match is None:
        return None
    if match.end() == len(element):
        return AcceptItem(element.lower())
    try:
        parameters = parse_parameters(element, match.end())
    except ValueError:
        return None
    quality = 1000
    kept = []
    for parameter in parameters:
        if parameter[0] == "q":
            weight = _match_weight(parameter[1])
            if weight is None:
                return None
            if parameter[1][0] == "0":
                quality = int((weight[1] or "").ljust(3, "0"))
        else:
            kept.append(parameter)
    return AcceptItem(match[0].lower(), quality, tuple(kept))


def quality_of(accept: str | None, media_type: str) -> int:
    """Weigh one media type by an Accept field.

    Args:
        accept: the field value, or `None` when the request has none.
        media_type: a type with or without parameters, for example ``"text/html; charset=utf-8"``.

    Returns:
        0 (not acceptable) to 1000, by the most specific range that matches; without a field, 1000.

    Raises:
        ValueError: `media_type` is no media type.

    Spec:
        RFC 9110 §12.5.1.

    >>> quality_of("text/*;q=0.3, text/html;q=0.7", "text/html"), quality_of("text/*;q=0.3", "text/plain")
    (700, 300)
    """
    offer = parse_media_type(media_type)
    items = parse_accept(accept) if accept is not None else ()
    return _media_type_quality(items, offer) if items else 1000


def negotiate_media_type(accept: str | None, offers: Sequence[str]) -> str | None:
    """Choose the media type that the client likes best.

    Args:
        accept: the field value, or `None` when the request has none.
        offers: media types in the server's order, best first.

    Returns:
        One of the offers, as written there; the earlier one of two that are liked equally; `None` when none is
        acceptable or there are no offers.

    Raises:
        ValueError: an offer is no media type.

    Spec:
        RFC 9110 §12.5.1: the most specific range decides, and a weight of 0 excludes.

    >>> negotiate_media_type("text/html;q=0.5, application/json", ["text/html", "application/json"])
    'application/json'
    """
    parsed = [parse_media_type(offer) for offer in offers]
    items = parse_accept(accept) if accept is not None else ()
    if not items:
        return offers[0] if offers else None
    return _best(offers, [_media_type_quality(items, offer) for offer in parsed])


def _best(offers: Sequence[str], qualities: Sequence[int]) -> str | None:
    """Give the first offer of the highest quality above 0."""
    highest = max(qualities, default=0)
    return offers[qualities.index(highest)] if highest > 0 else None


def _media_type_quality(items: Sequence[AcceptItem], offer: MediaType) -> int:
    """Give the quality that the most specific matching range has; of equally specific ones the highest."""
    offered = {(name, value.lower()) for name, value in offer.parameters}
    best = (-1, 0)
    for item in items:
        if item.value == offer.essence:
            specificity = 2
        elif item.value == f"{offer.type}/*":
            specificity = 1
        elif item.value in {"*/*", "*"}:
            specificity = 0
        else:
            continue
        if item.parameters:
            if not offered.issuperset((name, value.lower()) for name, value in item.parameters):
                continue
            specificity += 2 * len(item.parameters)
        best = max(best, (specificity, item.quality))
    return best[1]


def negotiate_language(field_value: str | None, offers: Sequence[str]) -> str | None:
    """Choose a language by lookup: each range, best first, is shortened until an offer equals it.

    A range finds offers that are equal or more general: ``en-GB`` finds ``en``, but ``en`` does not find
    ``en-GB``, so offer the bare languages too.

    Args:
        field_value: the Accept-Language value, or `None` when the request has none.
        offers: language tags in the server's order, best first; any case.

    Returns:
        One of the offers, as written there; without a readable field the first; `None` when nothing is found, and
        then use your default.

    Spec:
        RFC 4647 §3.4; RFC 9110 §12.5.4.

    >>> negotiate_language("de-CH, en;q=0.5", ["en", "de"])
    'de'
    """
    items = parse_accept(field_value) if field_value is not None else ()
    if not items:
        return offers[0] if offers else None
    allowed = {offer.lower(): offer for offer in reversed(offers) if not _is_excluded(items, offer.lower())}
    for item in sorted(items, key=lambda item: -item.quality):
        if item.quality == 0:
            break
        if item.value == "*":
            return next((offer for offer in offers if offer.lower() in allowed), None)
        language_range = item.value
        while language_range:
            if language_range in allowed:
                return allowed[language_range]
            language_range = _shorten(language_range)
    return None


def _is_excluded(items: Sequence[AcceptItem], tag: str) -> bool:
    """Say whether the longest range that covers a tag has the weight 0."""
    covering = [item for item in items if tag == item.value or tag.startswith(item.value + "-")]
    return bool(covering) and max(covering, key=lambda item: (len(item.value), item.quality)).quality == 0


def _shorten(language_range: str) -> str:
    """Take the last subtag off, and with it a single letter that introduced it (RFC 4647 §3.4)."""
    shorter = language_range.rpartition("-")[0]
    return shorter[:-2] if shorter[-2:-1] == "-" else shorter


_CODING_ALIASES = {"x-compress": "compress", "x-gzip": "gzip"}


def negotiate_encoding(field_value: str | None, offers: Sequence[str]) -> str | None:
    """Choose a content coding.

    Args:
        field_value: the Accept-Encoding value, or `None` when the request has none.
        offers: codings in the server's order, best first, in lower case. ``identity`` (no coding) need not be
            among them; it is the last resort, or where it stands if it is.

    Returns:
        One of the offers or ``"identity"``. Without a field, or with an empty or unreadable one, it is
        ``"identity"``. `None` when the client refuses all, identity too.

    Spec:
        RFC 9110 §12.5.3.

    >>> negotiate_encoding("gzip, br", ["br", "gzip"]), negotiate_encoding("gzip;q=0", ["gzip"])
    ('br', 'identity')
    """
    items = parse_accept(field_value) if field_value is not None else ()
    if not items:
        return "identity"
    qualities: dict[str, int] = {}
    for item in items:
        qualities.setdefault(_CODING_ALIASES.get(item.value, item.value), item.quality)
    others = qualities.get("*", 0)
    # RFC 9110 §12.5.3: identity is acceptable unless it is excluded by name, or by "*;q=0" without a name.
    unnamed_identity = 0 if qualities.get("*") == 0 else 1
    choices = [*offers] if "identity" in offers else [*offers, "identity"]
    return _best(
        choices, [qualities.get(coding, unnamed_identity if coding == "identity" else others) for coding in choices]
    )


def negotiate_charset(field_value: str | None, offers: Sequence[str]) -> str | None:
    """Choose a charset; clients of today do not ask, and everyone reads UTF-8.

    Args:
        field_value: the Accept-Charset value, or `None` when the request has none.
        offers: charset names in the server's order, best first; any case.

    Returns:
        One of the offers, as written there; without a readable field the first; `None` when none is acceptable.

    Spec:
        RFC 9110 §12.5.2, which calls the field deprecated.

    >>> negotiate_charset("iso-8859-5, utf-8;q=0.8", ["UTF-8"])
    'UTF-8'
    """
    items = parse_accept(field_value) if field_value is not None else ()
    if not items:
        return offers[0] if offers else None
    qualities = {item.value: item.quality for item in reversed(items)}
    others = qualities.get("*", 0)
    return _best(offers, [qualities.get(offer.lower(), others) for offer in offers])
