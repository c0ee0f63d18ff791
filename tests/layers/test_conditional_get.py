from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from costrel.app import App, Blueprint
from costrel.errors import ConfigurationError
from costrel.http import make_etag
from costrel.layers import ConditionalGet
from costrel.messages import Response, WebSocket
from costrel.testing import TestClient

TAG = make_etag(b"page").format()
SUNDAY = "Sun, 09 Sep 2001 01:46:40 GMT"
MONDAY = "Mon, 10 Sep 2001 01:46:40 GMT"


def app_with(layer: ConditionalGet) -> App:
    app = App("test", use=[layer])

    @app.get("/")
    async def index() -> Response:
        return Response("page", headers={"Vary": "Accept", "Cache-Control": "no-cache"})

    @app.get("/tagged")
    async def tagged() -> Response:
        return Response("page", headers={"ETag": '"v1"'})

    @app.get("/dated")
    async def dated() -> Response:
        return Response(None, headers={"Last-Modified": SUNDAY})

    @app.get("/secret")
    async def secret() -> Response:
        return Response("page", headers={"Cache-Control": "private, no-store"})

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        yield "page"

    @app.get("/broken")
    async def broken() -> str:
        raise RuntimeError

    @app.post("/")
    async def change() -> Response:
        return Response("changed", headers={"ETag": '"v1"'})

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    return app


@pytest.mark.capability("C045")
@pytest.mark.security("B20")
@pytest.mark.parametrize(
    ("path", "fields", "expected"),
    [
        pytest.param("/", {}, 200, id="without-a-condition"),
        pytest.param("/", {"If-None-Match": TAG}, 304, id="the-tag"),
        pytest.param("/", {"If-None-Match": f"W/{TAG}"}, 304, id="the-tag-weakly"),
        pytest.param("/", {"If-None-Match": f'"other", {TAG}'}, 304, id="one-of-several"),
        pytest.param("/", {"If-None-Match": "*"}, 304, id="any-tag"),
        pytest.param("/", {"If-None-Match": '"other"'}, 200, id="another-tag"),
        pytest.param("/", {"If-None-Match": "garbage"}, 200, id="no-tag-at-all"),
        pytest.param("/", {"If-Match": TAG}, 200, id="if-match"),
        pytest.param("/", {"If-Match": '"other"'}, 412, id="if-match-of-another"),
        pytest.param("/tagged", {"If-None-Match": '"v1"'}, 304, id="the-tag-of-the-handler"),
        pytest.param("/tagged", {"If-None-Match": TAG}, 200, id="not-the-tag-of-the-handler"),
        pytest.param("/dated", {"If-Modified-Since": SUNDAY}, 304, id="not-modified-since"),
        pytest.param("/dated", {"If-Modified-Since": "yesterday"}, 200, id="no-date"),
        pytest.param("/dated", {"If-Unmodified-Since": "Sat, 08 Sep 2001 01:46:40 GMT"}, 412, id="modified-since"),
        pytest.param("/dated", {"If-None-Match": '"x"', "If-Modified-Since": MONDAY}, 200, id="a-tag-outweighs-a-date"),
        pytest.param("/secret", {"If-None-Match": TAG}, 200, id="what-nobody-keeps"),
        pytest.param("/stream", {"If-None-Match": "*"}, 200, id="stream"),
        pytest.param("/nothing", {"If-None-Match": "*"}, 404, id="404"),
        pytest.param("/broken", {"If-None-Match": "*"}, 500, id="500"),
    ],
)
def test_the_conditions_of_a_request_decide(path: str, fields: dict[str, str], expected: int) -> None:
    """The order is that of RFC 9110 §13.2.2, and errors ignore conditions."""
    with app_with(ConditionalGet()).test_client(raise_app_exceptions=False) as client:
        assert expected == client.get(path, headers=fields).status_code


@pytest.mark.capability("C045")
def test_a_304_keeps_what_caches_need_and_leaves_out_what_describes_content() -> None:
    """RFC 9110 §15.4.5."""
    with app_with(ConditionalGet()).test_client() as client:
        response = client.get("/", headers={"If-None-Match": TAG})

    assert b"" == response.content
    assert (TAG, "Accept", "no-cache") == tuple(response.headers[n] for n in ("etag", "vary", "cache-control"))
    assert "content-type" not in response.headers


def test_head_is_answered_as_get_is() -> None:
    """A HEAD has the fields of the GET (RFC 9110 §9.3.2)."""
    with app_with(ConditionalGet()).test_client() as client:
        assert TAG == client.head("/").headers["etag"]
        assert 304 == client.head("/", headers={"If-None-Match": TAG}).status_code


def test_what_changes_something_is_left_alone() -> None:
    """The change is done by then; its handler asks before it does it."""
    with app_with(ConditionalGet()).test_client() as client:
        assert 200 == client.post("/", headers={"If-Match": '"other"'}).status_code


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        pytest.param(ConditionalGet(weak=True), f"W/{TAG}", id="weak"),
        pytest.param(ConditionalGet(max_bytes=4), TAG, id="at-the-limit"),
        pytest.param(ConditionalGet(max_bytes=3), None, id="over-the-limit"),
    ],
)
def test_a_tag_is_made_of_the_content(layer: ConditionalGet, expected: str | None) -> None:
    """Equal content has an equal tag."""
    with app_with(layer).test_client() as client:
        assert expected == client.get("/").headers.get("etag")
        assert (304 if expected else 200) == client.get("/", headers={"If-None-Match": TAG}).status_code


def test_two_answers_of_one_response_do_not_disturb_each_other() -> None:
    """A response that is kept and returned again stays whole after a 304."""
    app, kept = App("test", use=[ConditionalGet()]), Response("page")

    @app.get("/")
    async def index() -> Response:
        return kept

    with app.test_client() as client:
        statuses = [client.get("/", headers={"If-None-Match": tag}).status_code for tag in (TAG, '"x"', TAG)]
        last = client.get("/")

    assert ([304, 200, 304], "page") == (statuses, last.text)
    assert "text/html; charset=utf-8" == last.headers["content-type"]


def test_a_handshake_passes() -> None:
    """There is nothing to compare."""
    app = app_with(ConditionalGet())

    with TestClient(app) as client, client.websocket("/ws", headers={"If-None-Match": "*"}) as socket:
        assert "hello" == socket.receive()


@pytest.mark.parametrize("scope", ["blueprint", "route"])
def test_it_may_stand_around_a_part_of_the_application(scope: str) -> None:
    """Only what it stands around has tags."""
    app = App("test")
    part = Blueprint("part", prefix="/part", use=[ConditionalGet()] if scope == "blueprint" else [])

    @part.get("/", use=[ConditionalGet()] if scope == "route" else [])
    async def inside() -> str:
        return "inside"

    @app.get("/")
    async def outside() -> str:
        return "outside"

    app.register(part)
    with app.test_client() as client:
        assert [False, True] == ["etag" in client.get(path).headers for path in ("/", "/part/")]


@pytest.mark.parametrize("max_bytes", [-1, 1.5, None, True], ids=repr)
def test_a_size_that_is_none_is_refused(max_bytes: object) -> None:
    """A mistake shows when the layer is made."""
    with pytest.raises(ConfigurationError) as caught:
        ConditionalGet(max_bytes=max_bytes)

    assert "COS-LAYERS-001" == caught.value.code


def test_it_describes_itself() -> None:
    """Documentation learns what it may answer."""

    assert [304, 412] == list(ConditionalGet().describe().status_codes)
    assert "ConditionalGet(max_bytes=1, weak=True)" == repr(ConditionalGet(max_bytes=1, weak=True))
