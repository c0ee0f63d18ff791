from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from costrel.app import App, AppSettings, abort, after_response, current_app, request, session
from costrel.errors import ConfigurationError
from costrel.layers import Cached, CacheStats, ConditionalGet, SecurityHeaders, csp_nonce
from costrel.messages import Dispatch, FileResponse, Request, Response, Store, StoreUnavailable
from costrel.stores import FileStore, MemoryStore
from costrel.testing import AsyncTestClient, TestClient, TestResponse


class Clock:
    """Seconds since the epoch that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """An application with a page that says how often it was made."""

    def __init__(self, layer: Cached, *, make: Callable[[int], object] = lambda count: f"page {count}") -> None:
        self.layer = layer
        self.count = 0
        self.app = App("test", use=[layer], settings=AppSettings(secret_key="k" * 32))

        @self.app.get("/")
        async def page() -> object:
            self.count += 1
            return make(self.count)

    def texts(self, *requests: dict[str, str], path: str = "/") -> list[str]:
        """Send requests with these fields and return what came."""
        with self.app.test_client(raise_app_exceptions=False) as client:
            return [client.get(path, headers=fields).text for fields in requests]


def status_of(response: TestResponse) -> str:
    return response.headers["cache-status"]


def test_an_answer_is_given_again_while_it_is_fresh() -> None:
    """The handler runs once; the answer says its age and where it came from (RFC 9111 §5.1, RFC 9211)."""
    clock = Clock()
    site = Counted(Cached(60, clock=clock))

    with site.app.test_client() as client:
        first = client.get("/")
        clock.now += 59.9
        second = client.get("/")
        clock.now += 0.1
        third = client.get("/")

    assert ["page 1", "page 1", "page 2"] == [first.text, second.text, third.text]
    assert [None, "59", None] == [response.headers.get("age") for response in (first, second, third)]
    assert ["costrel; fwd=miss; stored", "costrel; hit; ttl=0"] == [status_of(first), status_of(second)]
    assert first.headers["etag"] == second.headers["etag"]
    assert first.headers["content-type"] == second.headers["content-type"]
    assert CacheStats(hits=1, misses=2, stored=2) == site.layer.stats


@pytest.mark.capability("C143")
@pytest.mark.parametrize("kind", ["memory", "file", "url", "own"])
def test_answers_are_kept_in_any_store(kind: str, tmp_path: Path) -> None:
    """A store, its URL, or nothing, which is memory."""
    stores: dict[str, Store | str | None] = {
        "memory": MemoryStore(),
        "file": FileStore(tmp_path),
        "url": f"file://{tmp_path}",
        "own": None,
    }
    site = Counted(Cached(60, store=stores[kind], tags=("pages",)))

    with site.app.test_client() as client:
        texts = [client.get("/").text for _ in range(2)]
        client.run(site.layer.purge("pages"))
        texts.append(client.get("/").text)

    assert ["page 1", "page 1", "page 2"] == texts


@pytest.mark.capability("C144")
@pytest.mark.parametrize("stale_seconds", [0, 30], ids=["misses", "misses-with-stale"])
def test_a_hundred_misses_at_once_are_one_computation(stale_seconds: float) -> None:
    """One asks the handler, the others wait for it."""
    count = 0
    app = App("test", use=[Cached(60, stale_seconds=stale_seconds)])

    @app.get("/")
    async def page() -> str:
        nonlocal count
        count += 1
        await asyncio.sleep(0.005)
        return f"page {count}"

    async def scenario() -> list[TestResponse]:
        async with AsyncTestClient(app) as client:
            return await asyncio.gather(*(client.get("/") for _ in range(100)))

    responses = asyncio.run(scenario())

    assert (1, {"page 1"}) == (count, {response.text for response in responses})
    assert 99 == sum("collapsed" in status_of(response) for response in responses)


@pytest.mark.capability("C144")
def test_an_old_answer_is_given_while_one_request_makes_a_new_one() -> None:
    """Nobody waits for it, and it is made once, however many ask."""
    clock = Clock()
    count, gate = 0, asyncio.Event()
    layer = Cached(60, stale_seconds=30, clock=clock)
    app = App("test", use=[layer])

    @app.get("/")
    async def page() -> str:
        nonlocal count
        count += 1
        if count > 1:
            await gate.wait()
        return f"page {count}"

    async def scenario() -> list[TestResponse]:
        async with AsyncTestClient(app) as client:
            await client.get("/")
            clock.now += 70
            asking = [asyncio.create_task(client.get("/")) for _ in range(20)]
            await asyncio.sleep(0.01)
            gate.set()
            return [*await asyncio.gather(*asking), await client.get("/")]

    responses = asyncio.run(scenario())

    assert ["page 1"] * 20 + ["page 2"] == [response.text for response in responses]
    assert "costrel; hit; ttl=-10" == status_of(responses[0])
    assert (2, CacheStats(hits=1, stale=20, misses=1, stored=2)) == (count, layer.stats)


def test_what_is_too_old_is_made_before_it_is_given() -> None:
    """`stale_seconds` is a limit."""
    clock = Clock()
    site = Counted(Cached(60, stale_seconds=30, clock=clock))

    with site.app.test_client() as client:
        client.get("/")
        clock.now += 90
        assert "page 2" == client.get("/").text


def test_a_refresh_has_a_request_of_its_own() -> None:
    """It has the head of the request, no client and no conditions, and ends like any other."""
    clock, seen = Clock(), []
    app = App("test", use=[Cached(60, stale_seconds=60, clock=clock, query=["a"])])

    @app.get("/{name}")
    async def page(name: str, request: Request, a: int) -> str:
        request.on_end(lambda ended: seen.append("ended"))
        after_response(seen.append, "after")
        at = current_app.name, name, a, request.query_string, request.method, request.headers.get("if-none-match")
        seen.append((*at, request.is_disconnected, request.body))
        return "page"

    with app.test_client() as client:
        client.get("/n?b=2&a=1")
        first = seen.copy()
        clock.now += 70
        seen.clear()
        client.head("/n?a=1&c=3", headers={"If-None-Match": '"x"'})

    expected = ("test", "n", 1, b"a=1", "GET", None, False, b"")
    assert [expected, "ended", "after"] == first
    assert [expected, "ended", "after"] == seen


def test_a_refresh_that_fails_leaves_the_old_answer(caplog: pytest.LogCaptureFixture) -> None:
    """It is given until its time is over."""
    clock = Clock()
    site = Counted(Cached(60, stale_seconds=30, clock=clock), make=lambda count: "page" if count == 1 else abort(503))

    with site.app.test_client() as client:
        client.get("/")
        clock.now += 70
        assert ["page", "page"] == [client.get("/").text for _ in range(2)]
    assert 3 == site.count


@pytest.mark.parametrize(("after_seconds", "expected"), [(89, 200), (90, 500)], ids=["in-time", "too-late"])
def test_an_old_answer_stands_in_for_an_error(after_seconds: float, expected: int) -> None:
    """For as long as `stale_if_error_seconds` says."""
    clock = Clock()
    site = Counted(Cached(60, stale_if_error_seconds=30, clock=clock), make=lambda count: f"page {1 // (2 - count)}")

    with site.app.test_client(raise_app_exceptions=False) as client:
        client.get("/")
        clock.now += after_seconds
        response = client.get("/")

    assert expected == response.status_code
    assert ("costrel; fwd=stale; fwd-status=500" == status_of(response)) is (expected == 200)


def cookie() -> Response:
    response = Response("page")
    response.set_cookie("a", "b")
    return response


def with_fields(**fields: str) -> Callable[[], Response]:
    return lambda: Response("page", headers={name.replace("_", "-"): value for name, value in fields.items()})


def touch_session() -> str:
    session.get("user")
    return "page"


def sign_in() -> str:
    request.user = "me"
    return "page"


async def stream() -> AsyncIterator[str]:
    yield "page"


def change_later() -> str:
    request.on_response(lambda _, response: response.set_cookie("a", "b"))
    return "page"


def change_last() -> str:
    request.on_response(lambda _, response: None, last=True)
    return "page"


@pytest.mark.security("F7")
@pytest.mark.parametrize(
    ("make", "is_kept"),
    [
        pytest.param(lambda: "page", True, id="text"),
        pytest.param(lambda: {"a": 1}, True, id="json"),
        pytest.param(lambda: ("gone", 410), True, id="410"),
        pytest.param(lambda: ("made", 201), False, id="201"),
        pytest.param(lambda: ("broken", 500), False, id="500"),
        pytest.param(lambda: ("away", 503), False, id="503"),
        pytest.param(lambda: "x" * 1001, False, id="too-large"),
        pytest.param(lambda: "x" * 1000, True, id="at-the-limit"),
        pytest.param(cookie, False, id="set-cookie"),
        pytest.param(change_later, False, id="set-cookie-by-a-callback"),
        pytest.param(change_last, False, id="changed-when-all-is-done"),
        pytest.param(with_fields(cache_control="no-store"), False, id="no-store"),
        pytest.param(with_fields(cache_control="max-age=9, private"), False, id="private"),
        pytest.param(with_fields(cache_control="no-cache"), False, id="no-cache"),
        pytest.param(with_fields(cache_control="max-age=0"), False, id="max-age-0"),
        pytest.param(with_fields(cache_control="max-age=9, s-maxage=0"), False, id="s-maxage-0"),
        pytest.param(with_fields(cache_control="public"), True, id="public"),
        pytest.param(with_fields(vary="*"), False, id="vary-everything"),
        pytest.param(with_fields(vary="accept, *"), False, id="vary-everything-too"),
        pytest.param(with_fields(vary=", ".join(f"x{n}" for n in range(17))), False, id="vary-too-much"),
        pytest.param(touch_session, False, id="session"),
        pytest.param(sign_in, False, id="user"),
        pytest.param(stream, False, id="stream"),
    ],
)
def test_only_what_belongs_to_everybody_is_kept(make: Callable[[], object], is_kept: bool) -> None:
    """RFC 9111 §3, and what a framework knows beyond that."""
    app = App("test", use=[Cached(60, max_body_bytes=1000)], settings=AppSettings(secret_key="k" * 32))
    app.get("/")(make)

    with app.test_client(raise_app_exceptions=False) as client:
        statuses = [status_of(client.get("/")) for _ in range(2)]

    assert (["costrel; fwd=miss; stored", "costrel; hit; ttl=60"] if is_kept else ["costrel; fwd=miss"] * 2) == [
        status.replace("ttl=59", "ttl=60") for status in statuses
    ]


def test_a_file_goes_by_with_its_parts(tmp_path: Path) -> None:
    """It is sent from where it lies, a range of it too."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"0123456789")
    app = App("test", use=[Cached(60)])

    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(path)

    with app.test_client() as client:
        whole = client.get("/")
        part = client.get("/", headers={"Range": "bytes=2-3"})
        known = client.get("/", headers={"If-None-Match": whole.headers["etag"]})

    assert (b"0123456789", b"23", 304) == (whole.content, part.content, known.status_code)


@pytest.mark.security("F7")
def test_a_page_with_a_nonce_is_not_kept() -> None:
    """The nonce is good for one answer."""
    policy = SecurityHeaders(csp={"script-src": ["'self'", "'nonce'"]})
    app = App("test", use=[policy, Cached(60)])

    @app.get("/page")
    async def page() -> str:
        return f"<script nonce={csp_nonce()}></script>"

    @app.get("/text")
    async def text() -> str:
        return "text"

    with app.test_client() as client:
        assert client.get("/page").text != client.get("/page").text
        assert ["costrel; fwd=miss; stored", True] == [
            status_of(client.get("/text")),
            "hit" in status_of(client.get("/text")),
        ]


def test_a_404_is_kept_and_an_unknown_path_is_not() -> None:
    """A route's own 404 is an answer; paths that nobody has are without number."""
    app, count = App("test", use=[Cached(60)]), 0

    @app.get("/thing/{id}")
    async def thing(id: int) -> str:
        nonlocal count
        count += 1
        abort(404)

    with app.test_client() as client:
        statuses = [client.get("/thing/1").status_code for _ in range(2)]
        unknown = client.get("/unknown")

    assert ([404, 404], 1) == (statuses, count)
    assert (404, False) == (unknown.status_code, "cache-status" in unknown.headers)


@pytest.mark.security("F7")
def test_a_head_is_answered_from_a_get_and_never_kept() -> None:
    """A handler may answer a HEAD without content, which nobody else must get."""
    app = App("test", use=[Cached(60)])

    @app.get("/")
    async def page(request: Request) -> str:
        return "page" if request.method == "GET" else ""

    with app.test_client() as client:
        answers = [client.head("/"), client.get("/"), client.head("/"), client.get("/")]

    assert ["", "page", "", "page"] == [answer.text for answer in answers]
    assert [False, False, True, True] == ["hit" in status_of(answer) for answer in answers]
    assert "4" == answers[2].headers["content-length"]


def test_what_changes_something_goes_by() -> None:
    """POST is not concerned, and a route without GET has no layer."""
    app, count = App("test", use=[Cached(60)]), 0

    @app.route("/", methods=["GET", "POST"])
    async def page() -> str:
        nonlocal count
        count += 1
        return f"page {count}"

    with app.test_client() as client:
        assert ["page 1", "page 2", "page 3", "page 3"] == [
            answer.text for answer in (client.post("/"), client.post("/"), client.get("/"), client.get("/"))
        ]
        assert "cache-status" not in client.post("/").headers


@pytest.mark.parametrize("when", ["miss", "hit"])
def test_conditions_are_answered(when: str) -> None:
    """With 304 and 412, as RFC 9110 §13.2.2 orders them; a miss is made as a whole all the same."""
    site = Counted(Cached(60), make=lambda count: Response("page", headers={"ETag": '"v1"'}))
    with site.app.test_client() as client:
        if when == "hit":
            client.get("/")
        answers = [
            client.get("/", headers=fields).status_code
            for fields in ({"If-None-Match": '"v1"'}, {"If-None-Match": '"v2"'}, {"If-Match": '"v2"'})
        ]
        last = client.get("/")

    assert ([304, 200, 412], "page", 1) == (answers, last.text, site.count)


def test_a_layer_inside_that_answers_conditions_does_not_spoil_it() -> None:
    """`ConditionalGet` inside would answer 304, which is no answer for others."""
    app = App("test", use=[Cached(60), ConditionalGet()])

    @app.get("/")
    async def page() -> Response:
        return Response("page", headers={"ETag": '"v1"'})

    with app.test_client() as client:
        first = client.get("/", headers={"If-None-Match": '"v1"'})
        second = client.get("/")

    assert (304, 200, True) == (first.status_code, second.status_code, "hit" in status_of(second))


def test_an_answer_may_shorten_its_life() -> None:
    """``s-maxage``, else ``max-age``, where it is less than the layer's time."""
    clock = Clock()
    site = Counted(
        Cached(60, clock=clock), make=lambda count: Response(f"{count}", headers={"Cache-Control": "max-age=10"})
    )

    with site.app.test_client() as client:
        texts = [client.get("/").text]
        for seconds in (9, 1):
            clock.now += seconds
            texts.append(client.get("/").text)

    assert ["1", "1", "2"] == texts


@pytest.mark.parametrize(
    ("options", "own", "expected"),
    [
        pytest.param({}, None, None, id="nothing"),
        pytest.param({"client_seconds": 5}, None, "max-age=5", id="for-clients"),
        pytest.param({"client_seconds": 0}, None, "max-age=0", id="for-no-time"),
        pytest.param({"client_seconds": 5}, "max-age=9", "max-age=9", id="the-handler-has-said-it"),
        pytest.param({"by": lambda _: "me"}, None, "private", id="of-somebody"),
        pytest.param({"by": lambda _: "me"}, "public, max-age=9, s-maxage=9", "private, max-age=9", id="not-public"),
        pytest.param({"by": lambda _: "me", "client_seconds": 5}, None, "private, max-age=5", id="both"),
    ],
)
def test_what_clients_may_keep(options: dict[str, object], own: str | None, expected: str | None) -> None:
    """``Cache-Control`` is the same on a miss and on a hit."""
    site = Counted(Cached(60, **options), make=lambda _: Response("a", headers={"Cache-Control": own} if own else None))

    with site.app.test_client() as client:
        assert [expected, expected] == [client.get("/").headers.get("cache-control") for _ in range(2)]


@pytest.mark.capability("C145")
def test_a_tag_is_purged_wherever_it_is() -> None:
    """What has another tag stays; layers with one store share their tags."""
    store, counts = MemoryStore(), {"users": 0, "user": 0, "pages": 0}
    app = App("test")
    users = Cached(60, store=store, tags=("users",))
    one = Cached(60, store=store, tags=lambda request: ("users", f"user {request.path_params['id']}"))

    def counted(name: str) -> str:
        counts[name] += 1
        return f"{counts[name]}"

    @app.get("/users", use=[users])
    async def list_users() -> str:
        return counted("users")

    @app.get("/users/{id}", use=[one])
    async def show_user(id: int) -> str:
        return counted("user")

    @app.get("/pages", use=[Cached(60, store=store, tags=("pages",))])
    async def pages() -> str:
        return counted("pages")

    def seen(client: TestClient) -> list[str]:
        return [client.get(path).text for path in ("/users", "/users/1", "/users/2", "/pages")]

    with app.test_client() as client:
        assert ["1", "1", "2", "1"] == seen(client) == seen(client)
        client.run(users.purge("user 1"))
        assert ["1", "3", "2", "1"] == seen(client) == seen(client)
        client.run(one.purge("users", "nothing"))
        assert ["2", "4", "5", "1"] == seen(client) == seen(client)
        client.run(one.purge_all())
        assert ["3", "6", "7", "2"] == seen(client) == seen(client)


@pytest.mark.capability("C145")
def test_a_purge_reaches_what_is_being_made() -> None:
    """Whoever asks after it gets what was made after it, and what was made before is not kept."""
    gate, count = asyncio.Event(), 0
    layer = Cached(60, tags=("pages",))
    app = App("test", use=[layer])

    @app.get("/")
    async def page() -> str:
        nonlocal count
        count += 1
        made = count
        if made == 1:
            await gate.wait()
        return f"page {made}"

    async def scenario() -> list[str]:
        async with AsyncTestClient(app) as client:
            before = asyncio.create_task(client.get("/"))
            await asyncio.sleep(0.005)
            await layer.purge("pages")
            after = asyncio.create_task(client.get("/"))
            made_after = (await after).text
            gate.set()
            return [made_after, (await before).text, (await client.get("/")).text]

    assert ["page 2", "page 1", "page 2"] == asyncio.run(scenario())


def test_somebody_else_takes_over_from_a_client_that_leaves() -> None:
    """The others get an answer, made once more."""
    gates, count = [asyncio.Event(), asyncio.Event()], 0
    app = App("test", use=[Cached(60)])

    @app.get("/")
    async def page() -> str:
        nonlocal count
        count += 1
        await gates[count - 1].wait()
        return f"page {count}"

    async def scenario() -> list[str]:
        async with AsyncTestClient(app) as client:
            leader = asyncio.create_task(client.get("/"))
            await asyncio.sleep(0.005)
            followers = [asyncio.create_task(client.get("/")) for _ in range(5)]
            await asyncio.sleep(0.005)
            leader.cancel()
            await asyncio.sleep(0.005)
            gates[1].set()
            return [(await follower).text for follower in followers]

    assert (["page 2"] * 5, 2) == (asyncio.run(scenario()), count)


def test_nobody_waits_for_what_could_not_be_kept_a_moment_ago() -> None:
    """Pages of one client each are made side by side."""
    clock, running, most = Clock(), 0, 0
    app = App("test", use=[Cached(60, clock=clock)])

    @app.get("/")
    async def page() -> Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1
        return Response("mine", headers={"Cache-Control": "private"})

    async def scenario() -> list[int]:
        seen = []
        async with AsyncTestClient(app) as client:
            for seconds in (0, 9, 1):
                clock.now += seconds
                await client.get("/")
                seen.append(most)
                await asyncio.gather(*(client.get("/") for _ in range(10)))
                seen.append(most)
        return seen

    assert [1, 10, 10, 10, 10, 10] == asyncio.run(scenario())


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"Cache-Control": "no-cache"}, "page 2", id="no-cache"),
        pytest.param({"Cache-Control": "max-age=0"}, "page 2", id="max-age-0"),
        pytest.param({"Pragma": "no-cache"}, "page 2", id="pragma"),
        pytest.param({"Cache-Control": "max-age=5"}, "page 1", id="max-age"),
        pytest.param({}, "page 1", id="nothing"),
    ],
)
def test_a_client_may_ask_for_a_new_answer_where_it_is_allowed(fields: dict[str, str], expected: str) -> None:
    """By default nobody can: it would be a way around the cache for whoever wants to do harm."""
    clock = Clock()

    def ask(layer: Cached) -> str:
        site = Counted(layer)
        with site.app.test_client() as client:
            client.get("/")
            clock.now += 1
            client.get("/", headers=fields)
            return client.get("/").text

    assert "page 1" == ask(Cached(60, clock=clock))
    assert expected == ask(Cached(60, clock=clock, obey_no_cache=True))


def test_several_caches_around_a_handler_are_one() -> None:
    """They do not wait for one another, the same one twice neither."""
    store = MemoryStore()
    twice = Cached(60, store=store, wait_seconds=60)
    app = App("test", use=[twice])

    @app.get("/", use=[twice, Cached(5, store=store, wait_seconds=60)])
    async def page() -> str:
        return "page"

    @app.get("/out", meta={"cached": False})
    async def out() -> str:
        return "out"

    with app.test_client() as client:
        assert ["costrel; fwd=miss; stored", True] == [status_of(client.get("/")), "hit" in status_of(client.get("/"))]
        assert "cache-status" not in client.get("/out").headers


def test_what_a_handler_leaves_to_be_done_to_its_response_is_kept_too() -> None:
    """A field that a callback adds is there on a hit, and the callbacks of layers outside run each time."""
    calls: list[str] = []

    async def outside(request: Request, call_next: Dispatch) -> Response:
        request.on_response(lambda _, response: calls.append(response.headers["link"]))
        return await call_next(request)

    app = App("test", use=[outside, Cached(60)])

    @app.get("/")
    async def page(request: Request) -> str:
        request.on_response(lambda _, response: response.headers.__setitem__("link", "<next>"))
        return "page"

    with app.test_client() as client:
        assert ["<next>", "<next>"] == [client.get("/").headers["link"] for _ in range(2)]
    assert ["<next>", "<next>"] == calls


class AwayStore(MemoryStore):
    """A store in memory that a test can take away."""

    is_away = False

    async def get(self, key: str) -> bytes | None:
        if self.is_away:
            raise StoreUnavailable
        return await super().get(key)

    async def set(
        self, key: str, value: bytes, *, ttl_seconds: float | None = None, only_if_absent: bool = False
    ) -> bool:
        if self.is_away:
            raise StoreUnavailable
        return await super().set(key, value, ttl_seconds=ttl_seconds, only_if_absent=only_if_absent)


def test_a_store_that_is_away_costs_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    """Handlers are asked, there is one line in the log, and it goes on by itself."""
    store = AwayStore()
    site = Counted(Cached(60, store=store))

    with caplog.at_level(logging.INFO, "costrel.cache"), site.app.test_client() as client:
        texts = [client.get("/").text]
        store.is_away = True
        texts += [client.get("/").text for _ in range(3)]
        store.is_away = False
        texts.append(client.get("/").text)

    assert ["page 1", "page 2", "page 3", "page 4", "page 1"] == texts
    assert ["cache_unavailable", "cache_available"] == [record.getMessage().split()[0] for record in caplog.records]
    assert site.layer.stats.store_failures > 0


def test_a_store_that_is_away_may_be_an_error() -> None:
    """For handlers that must not be asked that often."""
    store = AwayStore()
    store.is_away = True
    site = Counted(Cached(60, store=store, on_store_failure="closed"))

    with site.app.test_client(raise_app_exceptions=False) as client:
        assert (503, 0) == (client.get("/").status_code, site.count)


def test_what_another_version_has_kept_counts_as_nothing() -> None:
    """A store may outlive its application."""

    class Foreign(MemoryStore):
        async def get(self, key: str) -> bytes | None:
            value = await super().get(key)
            return b"\xc1garbage" if value is not None and key.startswith("costrel.cache.response") else value

    assert ["page 1", "page 2"] == Counted(Cached(60, store=Foreign())).texts({}, {})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"seconds": 0}, "COS-LAYERS-001", id="no-time"),
        pytest.param({"seconds": True}, "COS-LAYERS-001", id="no-number"),
        pytest.param({"stale_seconds": -1}, "COS-LAYERS-001", id="stale"),
        pytest.param({"stale_if_error_seconds": float("inf")}, "COS-LAYERS-001", id="stale-for-ever"),
        pytest.param({"client_seconds": -1}, "COS-LAYERS-001", id="client"),
        pytest.param({"wait_seconds": 0}, "COS-LAYERS-001", id="wait"),
        pytest.param({"vary": "accept"}, "COS-LAYERS-001", id="vary-text"),
        pytest.param({"vary": ["a b"]}, "COS-LAYERS-001", id="vary-no-field"),
        pytest.param({"vary": ["ä"]}, "COS-LAYERS-001", id="vary-no-ascii"),
        pytest.param({"query": "page"}, "COS-LAYERS-001", id="query-text"),
        pytest.param({"tags": "users"}, "COS-LAYERS-001", id="tags-text"),
        pytest.param({"tags": [1]}, "COS-LAYERS-001", id="tags-numbers"),
        pytest.param({"by": "user"}, "COS-LAYERS-001", id="by-text"),
        pytest.param({"max_body_bytes": -1}, "COS-LAYERS-001", id="size"),
        pytest.param({"max_body_bytes": 16 * 1024 * 1024}, "COS-LAYERS-001", id="size-beyond-stores"),
        pytest.param({"on_store_failure": "maybe"}, "COS-LAYERS-001", id="failure"),
        pytest.param({"store": object()}, "COS-LAYERS-001", id="no-store"),
        pytest.param({"store": "nowhere://"}, "COS-STORE-001", id="no-url"),
        pytest.param({"statuses": [200, 500]}, "COS-LAYERS-040", id="errors"),
        pytest.param({"statuses": [206]}, "COS-LAYERS-040", id="parts"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(options: dict[str, object], expected: str) -> None:
    """A mistake shows when the layer is made."""
    with pytest.raises(ConfigurationError) as caught:
        Cached(**{"seconds": 60, **options})

    assert expected == caught.value.code


def test_it_describes_itself() -> None:
    """Documentation learns what it reads and sets."""
    info = Cached(60, vary=["Accept-Language"]).describe()

    assert [304, 412] == list(info.status_codes)
    assert ("accept-language", "if-none-match", "if-modified-since") == info.request_headers
    assert "Cached(60, store=<MemoryStore of 0>)" == repr(Cached(60))


@pytest.fixture(autouse=True)
def no_foreign_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing fails behind the back of a test."""
    yield
    assert [] == [record for record in caplog.records if record.name == "asyncio"]
