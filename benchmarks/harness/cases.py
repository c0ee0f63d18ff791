"""What every contender is asked, and what it must answer.

The same bytes go to each of them. What the answer must be is compared before anything is timed (`answers`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

__all__ = ["BROWSER_FIELDS", "CASES", "ORDER", "Case"]

BODY_BYTES = 1024

BROWSER_FIELDS = (
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.7,de;q=0.3"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Referer", "http://127.0.0.1/users?page=2"),
    ("Connection", "keep-alive"),
    ("Cookie", "session=eyJ1c2VyX2lkIjo0Mn0.aRZk2g.q0cXG0fJ0T5Q2v8mY1w; theme=light"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "same-origin"),
)
"""Eleven fields of a browser; with Host, which every client sends, twelve."""


@dataclass(frozen=True)
class Case:
    """One thing that is asked.

    Attributes:
        name: how it is called on the command line and in the results.
        title: one line for readers.
        fields: header fields besides Host.
        media_type: of the answer, without parameters; empty when it does not matter.
        expected: the content of the answer, JSON as a Python value; `None` when it does not matter.
        refused: a body that has to be refused with 4xx, empty when there is none.
        varies: whether one header field is another one in each request.
    """

    name: str
    title: str
    path: str = "/"
    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    status_code: int = 200
    media_type: str = "text/plain"
    expected: object = "Hello, World!"
    refused: bytes = b""
    varies: bool = False


def make_order() -> dict[str, object]:
    """Make an order whose JSON has exactly as many bytes as the case promises."""
    order: dict[str, object] = {
        "id": 4711,
        "customer": "Ann Example",
        "email": "ann@example.com",
        "paid": True,
        "total": 1184.25,
        "note": "",
        "items": [{"sku": f"sku-{1000 + number}", "quantity": number + 1, "price": 9.75} for number in range(16)],
    }
    order["note"] = "x" * (BODY_BYTES - len(encode(order)))
    return order


def encode(value: object) -> bytes:
    """Encode as compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


ORDER = make_order()
_TYPED = (("Content-Type", "application/json"),)
_WRONG = encode({**ORDER, "items": [{"sku": "sku-1", "quantity": "many", "price": 9.75}]})

CASES = {
    case.name: case
    for case in (
        Case("text", "GET /, a text"),
        Case("json", "GET /user/42, a JSON object", "/user/42", media_type="application/json", expected={"id": 42}),
        Case(
            "typed",
            "POST of 1 KiB of JSON: decoded, validated, echoed",
            "/order",
            "POST",
            _TYPED,
            encode(ORDER),
            media_type="application/json",
            expected=ORDER,
            refused=_WRONG,
        ),
        Case("def", "GET /sync, a text from a plain function in a thread", "/sync"),
        Case("headers", "GET / with the twelve header fields of a browser", fields=BROWSER_FIELDS),
        Case("changing", "GET / with twelve header fields, one of them always new", fields=BROWSER_FIELDS, varies=True),
        Case(
            "not_found",
            "GET of a path that leads nowhere, 404",
            "/nothing/here",
            status_code=404,
            media_type="",
            expected=None,
        ),
    )
}
