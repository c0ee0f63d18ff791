"""`Limit` around an application: who is counted together, what the answers say, and what an attacker tries."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from costrel.app import App, AppSettings, Blueprint
from costrel.errors import ConfigurationError, ProgrammerError, TooManyRequests
from costrel.layers import Limit
from costrel.layers.limit_memory import SECOND_NS
from costrel.messages import Request, Response, WebSocket
from costrel.testing import AsyncTestClient, WebSocketRefused

PEER = ("192.0.2.1", 5000)


async def log_in(request: Request, call_next: object) -> Response:
    """Make a user of a field, as authentication does."""
    name = request.headers.get("x-user")
    if name is not None:
        request.user = SimpleNamespace(id=name)
    return await call_next(request)


def app_with(*use: object, **settings: object) -> App:
    app = App("test", use=[log_in, *use], settings=AppSettings(**settings))

    @app.get("/a")
    async def a() -> str:
        return "a"

    @app.route("/b/{number:int}", methods=["GET", "POST"])
    async def b(number: int) -> str:
        return "b"

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    return app


def statuses(app: App, *paths: str, method: str = "GET", **options: object) -> list[int]:
    with app.test_client(peer=PEER, **options) as client:
        return [client.request(method, path).status_code for path in paths]


@pytest.mark.capability("C146")
@pytest.mark.parametrize("count", [30, 99])
def test_of_a_hundred_calls_at_once_the_number_gets_in(count: int) -> None:
    """Exactly the number, whatever the handler waits for."""
    app = App("test", use=[Limit(f"{count}/hour")])
    gate = asyncio.Event()

    @app.get("/")
    async def index() -> str:
        await gate.wait()
        return "in"

    async def scenario() -> list[int]:
        async with AsyncTestClient(app) as client:
            asked = [asyncio.create_task(client.get("/")) for _ in range(100)]
            await asyncio.sleep(0)
            gate.set()
            return [response.status_code for response in await asyncio.gather(*asked)]

    found = asyncio.run(scenario())

    assert (count, 100 - count) == (found.count(200), found.count(429))


def test_every_answer_says_how_much_is_left() -> None:
    """Those that are let in and those that are not, errors of the handler among them."""
    app = app_with(Limit("2/minute; 5/hour", clock_ns=lambda: 0))
    with app.test_client() as client:
        first, missing, refused = (client.get(path) for path in ("/a", "/none", "/a"))

    assert '"2/minute";q=2;w=60, "5/hour";q=5;w=3600' == first.headers["ratelimit-policy"]
    assert '"2/minute";r=1;t=60, "5/hour";r=4;t=3600' == first.headers["ratelimit"]
    assert (404, '"2/minute";r=0;t=60, "5/hour";r=3;t=3600') == (missing.status_code, missing.headers["ratelimit"])
    assert (429, "60") == (refused.status_code, refused.headers["retry-after"])
    assert '"2/minute";r=0;t=60, "5/hour";r=3;t=3600' == refused.headers["ratelimit"]
    assert first.headers["ratelimit-policy"] == refused.headers["ratelimit-policy"]
    assert not any(name.startswith("x-ratelimit") for name in refused.headers)


def test_a_refusal_is_problem_details() -> None:
    """A program learns which of the rates refused it."""
    with app_with(Limit("1/second; 2/day", name="api", clock_ns=lambda: 0)).test_client() as client:
        client.get("/a")
        refused = client.get("/a")

    assert {
        "type": "about:blank",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "Too many requests: try again in a second.",
        "violated-policies": ["api 1/second"],
    } == refused.json()
    assert '"api 1/second";q=1;w=1, "api 2/day";q=2;w=86400' == refused.headers["ratelimit-policy"]


def test_an_application_may_answer_in_its_own_way() -> None:
    """A refusal is an error like any other."""
    app = app_with(Limit("1/minute", name="api"))

    @app.errorhandler(TooManyRequests)
    async def busy(error: TooManyRequests) -> tuple[str, int, dict[str, str]]:
        return "slowly", 429, error.headers

    with app.test_client() as client:
        assert '"api";q=1;w=60' == client.get("/a").headers["ratelimit-policy"]
        refused = client.get("/a")

    assert ("slowly", "60") == (refused.text, refused.headers["retry-after"])


def test_the_older_fields_are_sent_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """They speak of the rate of which least is left."""
    monkeypatch.setattr("time.time", lambda: 1000.9)
    app = app_with(Limit("3/minute; 4/hour", legacy_headers=True, clock_ns=iter([0, 0, 0, 61 * SECOND_NS]).__next__))
    seen = []
    with app.test_client() as client:
        for _ in range(4):
            fields = client.get("/a").headers
            seen.append([fields[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")])

    assert [["3", "2", "1060"], ["3", "1", "1060"], ["3", "0", "1060"], ["4", "0", "4539"]] == seen


def test_it_lets_in_again_when_it_said() -> None:
    """The clock alone decides."""
    now_ns = 0
    app = app_with(Limit("1/minute", clock_ns=lambda: now_ns))
    with app.test_client() as client:
        found = []
        for second in (0, 59, 60, 119, 120):
            now_ns = second * SECOND_NS
            found.append(client.get("/a").status_code)

    assert [200, 429, 200, 429, 200] == found


@pytest.mark.security("F6")
@pytest.mark.parametrize("path", ["/a/", "//a", "/A", "/./a", "/a?x=1", "/%61", "/none", "/b/7"])
def test_no_spelling_of_a_path_is_counted_apart(path: str) -> None:
    """Around an application everything counts together, whatever it finds."""
    app = app_with(Limit("1/minute"))

    assert 429 == statuses(app, "/a", path)[1]


@pytest.mark.security("F6")
def test_all_spellings_of_a_route_are_one_route() -> None:
    """Around a route, the path parameters and the final slash make no difference, nor does the method."""
    app = App("test")

    @app.route("/b/{number:int}", methods=["GET", "POST"], use=[Limit("1/minute")])
    async def b(number: int) -> str:
        return "b"

    for method in ("GET", "HEAD", "POST"):
        assert [429, 429, 429] == statuses(app, "/b/1", "/b/1", "/b/2/", "/b/3", method=method)[1:]
        assert [429] == statuses(app, "/b/1?a=b", method="HEAD")


@pytest.mark.security("F6")
def test_head_counts_like_get() -> None:
    """Asking for the head alone is asking."""
    with app_with(Limit("2/minute")).test_client() as client:
        found = [client.head("/a").status_code, client.get("/a").status_code, client.head("/a").status_code]

    assert [200, 200, 429] == found


@pytest.mark.security("F6")
@pytest.mark.parametrize("name", ["x-forwarded-for", "forwarded", "x-real-ip", "x-client-ip", "cf-connecting-ip"])
def test_a_client_does_not_choose_its_address(name: str) -> None:
    """Nobody is believed unless the application trusts a proxy."""
    with app_with(Limit("1/minute")).test_client(peer=PEER) as client:
        prefix = "for=" if name == "forwarded" else ""
        found = [client.get("/a", headers={name: f"{prefix}198.51.100.{n}"}).status_code for n in range(3)]

    assert [200, 429, 429] == found


@pytest.mark.security("F6")
def test_behind_a_trusted_proxy_the_client_counts() -> None:
    """What the proxy has written itself, the last, not what the client put before it."""
    app = app_with(Limit("1/minute"), trusted_proxies=("192.0.2.1",))
    with app.test_client(peer=PEER) as client:
        found = [
            client.get("/a", headers={"x-forwarded-for": value}).status_code
            for value in ("203.0.113.5", "203.0.113.6", "203.0.113.5", "198.51.100.1, 203.0.113.5")
        ]

    assert [200, 200, 429, 429] == found


def test_a_blueprint_counts_for_itself() -> None:
    """What goes elsewhere is not counted; what it does not find is."""
    app = App("test")
    api = Blueprint("api", prefix="/api", use=[Limit("2/minute")])

    @api.get("/a")
    async def a() -> str:
        return "a"

    @app.get("/")
    async def index() -> str:
        return "index"

    app.register(api)

    assert [200, 200, 404, 429, 200] == statuses(app, "/", "/api/a", "/api/none", "/api/a", "/")


def test_one_object_counts_for_all_its_places() -> None:
    """Two routes with one limit share it, two limits do not."""
    app = App("test")
    shared = Limit("1/minute")

    @app.get("/a", use=[shared])
    async def a() -> str:
        return "a"

    @app.get("/b", use=[shared])
    async def b() -> str:
        return "b"

    @app.get("/c", use=[Limit("1/minute")])
    async def c() -> str:
        return "c"

    assert [200, 429, 200, 429] == statuses(app, "/a", "/b", "/c", "/c")


def test_limits_within_one_another_all_hold() -> None:
    """Each says for itself how it stands."""
    app = App("test", use=[Limit("3/minute", name="site", clock_ns=lambda: 0)])

    @app.get("/a", use=[Limit("1/minute", name="a", clock_ns=lambda: 0)])
    async def a() -> str:
        return "a"

    with app.test_client() as client:
        lines = client.get("/a").headers.getlist("ratelimit")
        assert ['"a";r=0;t=60', '"site";r=2;t=60'] == lines
        assert 429 == client.get("/a").status_code


def test_a_handshake_counts() -> None:
    """It is answered with the same fields, and refused with the same status."""
    with app_with(Limit("1/minute")).test_client() as client:
        with client.websocket("/ws") as socket:
            assert "hello" == socket.receive()
        with pytest.raises(WebSocketRefused) as caught, client.websocket("/ws"):
            pass
        assert 429 == client.get("/a").status_code

    assert (429, "60") == (caught.value.response.status_code, caught.value.response.headers["retry-after"])


def test_users_are_counted_apart_and_others_by_their_address() -> None:
    """Logging in does not give what the address has used up, and the other way round."""
    with app_with(Limit("1/minute", by="user")).test_client() as client:
        found = [
            client.get("/a", headers={"x-user": user} if user else {}).status_code
            for user in ("ann", "bob", "ann", "", "", "bob")
        ]

    assert [200, 200, 429, 200, 429, 429] == found


def test_a_function_says_who_it_is_and_none_is_the_client() -> None:
    """Leaving out what it looks at is no way around."""
    with app_with(Limit("1/minute", by=lambda request: request.query.get("team"))).test_client() as client:
        found = [client.get(path).status_code for path in ("/a?team=1", "/a?team=2", "/a?team=1", "/a", "/a")]

    assert [200, 200, 429, 200, 429] == found


def test_requests_may_cost_more_or_nothing() -> None:
    """A free one is not counted and does not say how the limit stands."""
    app = app_with(Limit("5/minute", cost=lambda request: int(request.query["n"])))
    with app.test_client() as client:
        found = [client.get(f"/a?n={n}") for n in (3, 0, 3, 2, 0, 1)]

    assert [200, 200, 429, 200, 200, 429] == [response.status_code for response in found]
    assert "ratelimit" not in found[1].headers
    assert found[0].headers["ratelimit"].startswith('"5/minute";r=2;')


def test_a_fixed_cost_counts_each_time() -> None:
    """Half as many get in."""

    assert [200, 200, 429] == statuses(app_with(Limit("5/minute", cost=2)), "/a", "/a", "/a")


@pytest.mark.security("F6")
@pytest.mark.parametrize("number", [-1, True, 1.0, "1"])
def test_a_cost_that_is_no_number_gives_nothing_back(number: object) -> None:
    """The request fails, and whoever wrote the function learns why."""
    app = app_with(Limit("5/minute", cost=lambda request: number))

    with app.test_client() as client, pytest.raises(ProgrammerError) as caught:
        client.get("/a")

    assert "COS-LAYERS-032" == caught.value.code


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param({"by": "address"}, "by=", id="by-another-word"),
        pytest.param({"by": log_in}, "by=", id="by-a-coroutine"),
        pytest.param({"cost": 0}, "cost=", id="free-for-all"),
        pytest.param({"cost": 11}, "cost=", id="more-than-the-number"),
        pytest.param({"cost": True}, "cost=", id="cost-yes"),
        pytest.param({"store": "file:///tmp/x"}, "store=", id="store-of-files"),
        pytest.param({"store": "redis"}, "store=", id="store-without-a-place"),
        pytest.param({"store": object()}, "store=", id="store-of-another-kind"),
        pytest.param({"on_store_failure": "ignore"}, "on_store_failure=", id="unknown-policy"),
        pytest.param({"name": 'a"b'}, "name=", id="name-with-a-quotation-mark"),
        pytest.param({"name": ""}, "name=", id="no-name"),
        pytest.param({"max_keys": 0}, "max_keys=", id="no-keys"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: dict[str, object], text: str) -> None:
    """A mistake shows when the limit is made."""
    with pytest.raises(ConfigurationError) as caught:
        Limit("10/minute", **options)

    assert "COS-LAYERS-001" == caught.value.code
    assert text in str(caught.value)


def test_it_describes_itself() -> None:
    """Documentation learns what it may answer and which fields there are."""
    info = Limit("10/minute", legacy_headers=True).describe()

    assert [429] == list(info.status_codes)
    assert ("retry-after", "ratelimit-policy", "ratelimit", "x-ratelimit-limit") == info.response_headers[:4]
    assert "Limit('5/minute; 10/hour', by='user')" == repr(Limit("10/hour; 5/minute", by="user"))


def test_closing_a_limit_in_memory_is_nothing() -> None:
    """An application need not know where it counts."""
    asyncio.run(Limit("10/minute").aclose())
