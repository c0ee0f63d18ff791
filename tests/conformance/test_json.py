"""JSON bodies as attackers write them, through a whole application: by ``request.json()`` and by a declared type."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest

from costrel import App, Body, Request
from costrel.testing import TestClient

JSON = {"Content-Type": "application/json"}


class Loose(msgspec.Struct):
    """A body with a member that may be anything."""

    value: Any = None


class Strict(msgspec.Struct):
    """A body whose type bounds everything."""

    number: int = 0
    amount: Decimal = Decimal(0)
    items: list[int] = []


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = App(extensions=())

    @app.post("/json")
    async def untyped(request: Request) -> dict[str, Any]:
        return {"value": request.json()}

    @app.post("/loose")
    async def loose(body: Loose) -> dict[str, Any]:
        return {"value": body.value}

    @app.post("/strict")
    async def strict(body: Strict) -> int:
        return len(body.items)

    with app.test_client() as client:
        yield client


def both(client: TestClient, content: bytes) -> set[int]:
    """Return the statuses for content on its own, and as a member of a declared type."""
    return {
        client.post("/json", content=content, headers=JSON).status_code,
        client.post("/loose", content=b'{"value":' + content + b"}", headers=JSON).status_code,
    }


def test_good_json_is_read(client: TestClient) -> None:
    """What is right is 200, so a 400 below says something."""

    assert {200} == both(client, b'{"a":[1,2.5,"x",null,true]}')


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"NaN", id="nan", marks=pytest.mark.security("C23")),
        pytest.param(b"Infinity", id="infinity", marks=pytest.mark.security("C23")),
        pytest.param(b"-Infinity", id="minus-infinity", marks=pytest.mark.security("C23")),
        pytest.param(b"1e400", id="beyond-float", marks=pytest.mark.security("C23")),
        pytest.param(b"1" * 309, id="309-digits", marks=pytest.mark.security("C24")),
        pytest.param(b"1" * 4000, id="4000-digits", marks=pytest.mark.security("C24")),
        pytest.param(b"-" + b"1" * 5000, id="5000-digits", marks=pytest.mark.security("C24")),
        pytest.param(b"[" * 65 + b"]" * 65, id="65-deep", marks=pytest.mark.security("C25")),
        pytest.param(b"[" * 100_000, id="100000-brackets", marks=pytest.mark.security("C25")),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="100000-deep", marks=pytest.mark.security("C25")),
        pytest.param(b'{"a":' * 100_000, id="100000-objects", marks=pytest.mark.security("C25")),
        pytest.param(b'"\\ud800"', id="lone-surrogate", marks=pytest.mark.security("C27")),
        pytest.param(b'{"\\ud800":1}', id="lone-surrogate-as-a-key", marks=pytest.mark.security("C27")),
        pytest.param(b'"\x01"', id="control-character", marks=pytest.mark.security("C27")),
        pytest.param(b"[1,]", id="trailing-comma", marks=pytest.mark.security("C27")),
        pytest.param(b"\xef\xbb\xbf1", id="byte-order-mark", marks=pytest.mark.security("C27")),
        pytest.param("[1]".encode("utf-16"), id="utf-16", marks=pytest.mark.security("C27")),
        pytest.param("[1]".encode("utf-32"), id="utf-32", marks=pytest.mark.security("C27")),
        pytest.param(b'"\xff"', id="no-utf-8", marks=pytest.mark.security("C29")),
        pytest.param(b'"\xed\xa0\x80"', id="surrogate-in-utf-8", marks=pytest.mark.security("C29")),
        pytest.param(b'{"\xff":1}', id="no-utf-8-in-a-key", marks=pytest.mark.security("C29")),
    ],
)
def test_json_that_is_none_is_400(client: TestClient, content: bytes) -> None:
    """Whatever is wrong with the text is the client's mistake, never an error of the server."""

    assert {400} == both(client, content)


@pytest.mark.security("C27")
@pytest.mark.parametrize("content", [b"", b" \n"], ids=["empty", "whitespace"])
def test_no_json_at_all(client: TestClient, content: bytes) -> None:
    """Nothing is no JSON."""

    assert 400 == client.post("/json", content=content, headers=JSON).status_code


@pytest.mark.security("C27")
def test_an_escaped_nul_is_a_character(client: TestClient) -> None:
    """Text may hold a NUL; who hands it on has to look."""

    assert {"value": "\0"} == client.post("/json", content=b'"\\u0000"', headers=JSON).json()


@pytest.mark.security("C25")
@pytest.mark.parametrize(("path", "depth"), [("/json", 64), ("/loose", 63)])
def test_the_deepest_document(client: TestClient, path: str, depth: int) -> None:
    """64 levels are read, one more is 400."""

    def ask(deep: int) -> int:
        content = b"[" * deep + b"]" * deep
        whole = content if path == "/json" else b'{"value":' + content + b"}"
        return client.post(path, content=whole, headers=JSON).status_code

    assert (200, 400) == (ask(depth), ask(depth + 1))


@pytest.mark.security("C22")
@pytest.mark.parametrize(
    ("media_type", "status_code"),
    [
        pytest.param("application/json", 200, id="plain"),
        pytest.param("APPLICATION/JSON; charset=utf-8", 200, id="upper-case"),
        pytest.param("application/problem+json", 200, id="suffix"),
        pytest.param("application/json\ta", 415, id="tab"),
        pytest.param("application/json a", 415, id="space"),
        pytest.param("application/json, text/plain", 415, id="list"),
        pytest.param("application/jsonp", 415, id="longer"),
        pytest.param("text/plain", 415, id="text"),
        pytest.param("text/plain; application/json", 415, id="json-as-a-parameter"),
        pytest.param(None, 415, id="none"),
    ],
)
def test_only_json_is_parsed_as_json(client: TestClient, media_type: str | None, status_code: int) -> None:
    """One reading of the media type decides for the parser and for validation."""
    headers = {"Content-Type": media_type} if media_type is not None else {}
    statuses = {client.post(path, content=b"{}", headers=headers).status_code for path in ("/json", "/loose")}

    assert {status_code} == statuses


@pytest.mark.security("C22")
def test_a_charset_does_not_change_what_is_read(client: TestClient) -> None:
    """JSON is UTF-8, whatever the parameter says (RFC 8259 §8.1)."""
    headers = {"Content-Type": "application/json; charset=utf-16"}

    assert 400 == client.post("/json", content="[1]".encode("utf-16"), headers=headers).status_code
    assert {"value": [1]} == client.post("/json", content=b"[1]", headers=headers).json()


@pytest.mark.security("C26")
@pytest.mark.parametrize(
    ("content", "statuses"),
    [
        pytest.param(b'{"value":1,"value":2}', (200, 400), id="twice"),
        pytest.param(b'{"value":1,"v\\u0061lue":2}', (200, 400), id="twice-by-an-escape"),
        pytest.param(b'{"value":{"a":1,"a":2}}', (200, 400), id="twice-further-in"),
        pytest.param(b'{"value":[{"a":1},{"a":2}]}', (200, 200), id="in-two-objects"),
    ],
)
def test_keys_that_occur_twice(content: bytes, statuses: tuple[int, int]) -> None:
    """The last of two counts, and a route that asks for unique keys refuses them."""
    app = App(extensions=())

    @app.post("/last")
    async def last(body: Loose) -> dict[str, Any]:
        return {"value": body.value}

    @app.post("/unique")
    async def unique(body: Annotated[Loose, Body(unique_keys=True)]) -> dict[str, Any]:
        return {"value": body.value}

    with app.test_client() as client:
        found = tuple(client.post(path, content=content, headers=JSON).status_code for path in ("/last", "/unique"))

    assert statuses == found


@pytest.mark.security("C28")
@pytest.mark.parametrize(
    ("content", "status_code"),
    [
        pytest.param(b"{" + b",".join(b'"k%d":1' % n for n in range(80_000)) + b"}", 200, id="80000-keys"),
        pytest.param(b'{"items":[' + b"1," * 100_000 + b"1]}", 200, id="100000-items"),
        pytest.param(b'{"items":[' + b"1," * 100_000 + b'"x"]}', 422, id="100000-items-and-a-wrong-one"),
        pytest.param(b'{"items":[' + b'"x",' * 100_000 + b'"x"]}', 422, id="100000-wrong-items"),
        pytest.param(b'{"number":' + b"9" * 5000 + b"}", 400, id="5000-digits"),
        pytest.param(b'{"number":"' + b"9" * 1_000_000 + b'"}', 422, id="number-as-text"),
        pytest.param(b'{"amount":"' + b"9" * 1_000_000 + b'"}', 200, id="decimal-of-1-MB"),
        pytest.param(b'{"amount":"1e999999999"}', 200, id="decimal-with-an-exponent"),
    ],
)
def test_large_documents_of_a_type(client: TestClient, content: bytes, status_code: int) -> None:
    """What is large and right is read, what is large and wrong gets at most a hundred errors."""
    response = client.post("/strict", content=content, headers=JSON)

    assert status_code == response.status_code
    assert len(response.content) < 50_000
