from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from costrel.app import App, Blueprint
from costrel.errors import ConfigurationError, Pass
from costrel.layers import CORS, Compress, Idempotency, RequestID, Timeout
from costrel.messages import BodyStream, FileResponse, Request, Response, StoreUnavailable, StreamResponse, WebSocket
from costrel.stores import MemoryStore
from costrel.testing import AsyncTestClient, TestClient, TestResponse

KEY = {"idempotency-key": '"k1"'}


class Till:
    """An application that counts how often its handlers ran."""

    def __init__(self, layer: Idempotency | None, *outside: Any, **routes: Callable[..., Any]) -> None:
        self.count = 0
        self.app = App("till", use=[*outside, *([layer] if layer is not None else [])])

        @self.app.route("/pay", methods=["GET", "POST", "PATCH", "PUT"])
        async def pay(request: Request) -> Response:
            self.count += 1
            headers = {"Location": f"/payments/{self.count}"}
            return Response(b"paid %d " % self.count + request.body, 201, headers, "text/plain")

        for name, handler in routes.items():
            self.app.add_route(f"/{name}", handler, methods=["POST"])

    def answering(self, *answers: Any) -> Till:
        """Add a route `/next` that gives one answer after the other; an exception is raised."""
        waiting = iter(answers)

        @self.app.post("/next")
        async def following() -> Any:
            self.count += 1
            answer = next(waiting)
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return self

    def client(self) -> TestClient:
        return self.app.test_client(raise_app_exceptions=False)


def is_replayed(response: TestResponse) -> bool:
    return response.headers.get("idempotency-replayed") == "true"


@pytest.mark.capability("N19")
def test_a_repeated_request_is_answered_from_the_store() -> None:
    """Status, fields and content are those of the first answer; another body is refused with 422."""
    till = Till(Idempotency())
    with till.client() as client:
        first = client.post("/pay", content=b"5", headers=KEY)
        again = client.post("/pay", content=b"5", headers=KEY)
        other = client.post("/pay", content=b"6", headers=KEY)

    assert 1 == till.count
    assert (201, b"paid 1 5", "/payments/1", "text/plain") == (
        again.status_code,
        again.content,
        again.headers["location"],
        again.headers["content-type"],
    )
    assert (False, True) == (is_replayed(first), is_replayed(again))
    assert (422, "application/problem+json") == (other.status_code, other.headers["content-type"])


@pytest.mark.parametrize(
    ("method", "url", "headers", "status_code", "count"),
    [
        pytest.param("POST", "/pay?a=1", KEY, 422, 1, id="another-query"),
        pytest.param("PATCH", "/pay", KEY, 422, 1, id="another-method"),
        pytest.param("POST", "/pay", {**KEY, "content-type": "text/x-other"}, 422, 1, id="another-media-type"),
        pytest.param("POST", "/pay", {"idempotency-key": "k1"}, 201, 1, id="the-same-key-without-quotes"),
        pytest.param("POST", "/pay", {"idempotency-key": '"k2"'}, 201, 2, id="another-key"),
        pytest.param("POST", "/pay", {}, 201, 2, id="no-key"),
        pytest.param("PUT", "/pay", KEY, 201, 2, id="a-method-it-does-not-concern"),
        pytest.param("POST", "/pay", {"idempotency-key": ""}, 400, 1, id="empty-key"),
        pytest.param("POST", "/pay", {"idempotency-key": "a b"}, 400, 1, id="no-key-at-all"),
    ],
)
def test_a_key_stands_for_one_request(
    method: str, url: str, headers: dict[str, str], status_code: int, count: int
) -> None:
    """The second of two requests."""
    till = Till(Idempotency())
    with till.client() as client:
        client.post("/pay", headers=KEY)
        assert status_code == client.request(method, url, headers=headers).status_code
    assert count == till.count


def test_fifty_at_once_run_the_handler_once() -> None:
    """The others are told to ask again, and then get the answer."""

    async def scenario() -> tuple[list[TestResponse], TestResponse]:
        may_go_on = asyncio.Event()
        runs: list[int] = []

        async def slow() -> str:
            runs.append(1)
            await may_go_on.wait()
            return "done"

        till = Till(Idempotency(), slow=slow)
        async with AsyncTestClient(till.app) as client:
            tasks = [asyncio.create_task(client.post("/slow", headers=KEY)) for _ in range(50)]
            while sum(task.done() for task in tasks) < 49:
                await asyncio.sleep(0)
            may_go_on.set()
            responses = [await task for task in tasks]
            again = await client.post("/slow", headers=KEY)
        assert [1] == runs
        return responses, again

    responses, again = asyncio.run(scenario())
    assert [200] + [409] * 49 == sorted(response.status_code for response in responses)
    assert {"1"} == {response.headers["retry-after"] for response in responses if response.status_code == 409}
    assert ("done", True) == (again.text, is_replayed(again))


ALICE, BOB = {"authorization": "Bearer a"}, {"authorization": "Bearer b"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(ALICE, BOB, id="credentials"),
        pytest.param(ALICE, {}, id="nobody"),
        pytest.param({"cookie": "session=a"}, {"cookie": "session=b"}, id="sessions"),
        pytest.param({"x-api-key": "a"}, {"x-api-key": "b"}, id="api-keys"),
        pytest.param({"host": "a.test"}, {"host": "b.test"}, id="hosts"),
    ],
)
def test_a_key_never_gives_the_answer_of_another_client(one: dict[str, str], other: dict[str, str]) -> None:
    """The same key, the same request; each client has an answer of its own, and keeps it."""
    till = Till(Idempotency())
    with till.client() as client:
        texts = [client.post("/pay", headers={**KEY, **fields}).text for fields in (one, other, one, other)]

    assert ["paid 1 ", "paid 2 ", "paid 1 ", "paid 2 "] == texts


def test_whose_key_it_is_can_be_said() -> None:
    """A token that was renewed is the same client; nobody has no key."""
    till = Till(Idempotency(by=lambda request: request.headers.get("x-customer")))
    with till.client() as client:
        for fields in ({"x-customer": "1", **ALICE}, {"x-customer": "1", **BOB}):
            assert "paid 1 " == client.post("/pay", headers={**KEY, **fields}).text
        assert "paid 2 " == client.post("/pay", headers={**KEY, "x-customer": "2"}).text
        assert ["paid 3 ", "paid 4 "] == [client.post("/pay", headers=KEY).text for _ in range(2)]


@pytest.mark.parametrize(
    ("headers", "status_code"),
    [({}, 400), (KEY, 201), ({"idempotency-key": '"a", "b"'}, 400)],
    ids=["missing", "there", "two"],
)
def test_a_key_can_be_required(headers: dict[str, str], status_code: int) -> None:
    """Of the methods that it concerns alone."""
    till = Till(Idempotency(required=True))
    with till.client() as client:
        assert status_code == client.post("/pay", headers=headers).status_code
        assert 201 == client.get("/pay").status_code
        assert 404 == client.post("/nothing").status_code


@pytest.mark.parametrize(
    ("first", "count"),
    [
        pytest.param(Response("ok"), 1, id="200"),
        pytest.param(Response(None, 204), 1, id="204"),
        pytest.param(Response("no", 402), 1, id="402"),
        pytest.param(Response("no", 422), 1, id="422"),
        pytest.param(Response("no", 401), 2, id="401"),
        pytest.param(Response("later", 429), 2, id="429"),
        pytest.param(Response("broken", 500), 2, id="500"),
        pytest.param(Response("away", 503), 2, id="503"),
        pytest.param(RuntimeError(), 2, id="exception"),
    ],
)
def test_an_answer_that_says_nothing_of_the_outcome_lets_it_be_done_again(first: Any, count: int) -> None:
    """At once; every other answer is repeated."""
    till = Till(Idempotency()).answering(first, Response("second"))
    with till.client() as client:
        client.post("/next", headers=KEY)
        again = client.post("/next", headers=KEY)

    assert count == till.count
    assert (count == 1) == is_replayed(again)


def test_a_handler_that_was_cancelled_on_the_loop_may_run_again() -> None:
    """Nothing of it goes on: neither after a deadline nor after the end of its task."""

    async def scenario() -> list[int]:
        runs: list[int] = []

        async def first_waits() -> str:
            runs.append(1)
            if len(runs) < 3:
                await asyncio.Event().wait()
            return "done"

        app = App("test", use=[Idempotency()])
        app.add_route("/limited", first_waits, methods=["POST"], use=[Timeout(0.005)])
        app.add_route("/free", first_waits, methods=["POST"])
        async with AsyncTestClient(app, raise_app_exceptions=False) as client:
            codes = [(await client.post("/limited", headers=KEY)).status_code]
            task = asyncio.create_task(client.post("/free", headers={"idempotency-key": "k2"}))
            while len(runs) < 2:
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            codes.append((await client.post("/free", headers={"idempotency-key": "k2"})).status_code)
            codes.append((await client.post("/limited", headers=KEY)).status_code)
        return codes

    assert [503, 200, 200] == asyncio.run(scenario())


def test_a_thread_that_was_left_behind_keeps_its_key() -> None:
    """Nobody knows what it still does, so nobody else begins before its time is over."""
    released = threading.Event()
    clock = Clock()
    layer = Idempotency(MemoryStore(clock=clock), lock_seconds=30, clock=clock)
    app = App("test", use=[layer, Timeout(0.01)])
    runs: list[int] = []

    @app.post("/")
    def slow() -> str:
        runs.append(1)
        if len(runs) == 1:
            released.wait(5)
        return "done"

    with app.test_client(raise_app_exceptions=False) as client:
        codes = [client.post("/", headers=KEY).status_code for _ in range(2)]
        clock.now += 30
        released.set()
        codes.append(client.post("/", headers=KEY).status_code)

    assert [503, 409, 200] == codes


class Clock:
    """Seconds that a test lets pass."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_handler_that_outlived_its_time_does_not_overwrite_the_answer_of_another() -> None:
    """Both ran, and the one that was there first in the end is repeated."""
    clock = Clock()
    store = MemoryStore(clock=clock)

    async def scenario() -> list[str]:
        may_go_on = asyncio.Event()
        runs: list[int] = []

        async def slow() -> str:
            runs.append(1)
            number = len(runs)
            if number == 1:
                await may_go_on.wait()
            return f"run {number}"

        app = App("test", use=[Idempotency(store, lock_seconds=30, clock=clock)])
        app.add_route("/", slow, methods=["POST"])
        async with AsyncTestClient(app) as client:
            late = asyncio.create_task(client.post("/", headers=KEY))
            while not runs:
                await asyncio.sleep(0)
            clock.now += 30
            texts = [(await client.post("/", headers=KEY)).text]
            may_go_on.set()
            texts.append((await late).text)
            texts.append((await client.post("/", headers=KEY)).text)
        return texts

    assert ["run 2", "run 1", "run 2"] == asyncio.run(scenario())


def test_the_answer_is_kept_for_its_time() -> None:
    """Then the key is free for another request."""
    clock = Clock()
    till = Till(Idempotency(MemoryStore(clock=clock), ttl_seconds=100, clock=clock))
    with till.client() as client:
        texts = []
        for seconds in (0, 99, 1):
            clock.now += seconds
            texts.append(client.post("/pay", headers=KEY).text)

    assert ["paid 1 ", "paid 1 ", "paid 2 "] == texts


async def pieces() -> AsyncIterator[str]:
    yield "one"
    yield "two"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(StreamResponse(pieces()), id="stream"),
        pytest.param(Response(b"x" * 101), id="too-large"),
    ],
)
def test_an_answer_that_is_not_kept_was_given_once(answer: Response) -> None:
    """The same request again is told that it was done, and not to come again."""
    till = Till(Idempotency(max_body_bytes=100)).answering(answer)
    with till.client() as client:
        first = client.post("/next", headers=KEY)
        again = client.post("/next", headers=KEY)

    assert (200, 409, 1) == (first.status_code, again.status_code, till.count)
    assert first.content in (b"onetwo", b"x" * 101)
    assert "retry-after" not in again.headers


@pytest.mark.parametrize(("max_body_bytes", "status_code"), [(8, 200), (7, 409)], ids=["at-the-limit", "too-large"])
def test_a_file_is_kept_as_other_answers_are(tmp_path: Path, max_body_bytes: int, status_code: int) -> None:
    """As it was: the file may be another one by then."""
    path = tmp_path / "receipt.txt"
    path.write_text("receipt1")
    till = Till(Idempotency(max_body_bytes=max_body_bytes)).answering(FileResponse(path), FileResponse(path))
    with till.client() as client:
        first = client.post("/next", headers=KEY)
        path.write_text("another")
        again = client.post("/next", headers=KEY)

    assert (200, b"receipt1") == (first.status_code, first.content)
    assert status_code == again.status_code
    if status_code == 200:
        assert (b"receipt1", first.headers["etag"]) == (again.content, again.headers["etag"])


def test_a_stream_that_fails_may_run_again() -> None:
    """What is around the handler was rolled back with it."""

    async def broken() -> AsyncIterator[str]:
        yield "one"
        raise RuntimeError

    till = Till(Idempotency()).answering(StreamResponse(broken()), Response("whole"))
    with till.client() as client:
        with pytest.raises(RuntimeError):
            client.post("/next", headers=KEY).read()
        assert "whole" == client.post("/next", headers=KEY).text


def test_a_cookie_is_not_given_again() -> None:
    """It may be a credential that was ended meanwhile."""
    answer = Response("in")
    answer.set_cookie("login", "secret")
    till = Till(Idempotency()).answering(answer)
    with till.client() as client:
        first, again = (client.post("/next", headers={**KEY, "authorization": "a"}) for _ in range(2))

    assert "set-cookie" in first.headers
    assert "set-cookie" not in again.headers


def test_layers_outside_see_each_answer() -> None:
    """Their fields are those of this request, and stand there once."""
    till = Till(Idempotency(), RequestID(), CORS(["https://a.test"]), Compress(minimum_bytes=0))
    fields = {**KEY, "origin": "https://a.test"}
    with till.client() as client:
        first = client.post("/pay", content=b"x" * 1000, headers={**fields, "accept-encoding": "gzip"})
        again = client.post("/pay", content=b"x" * 1000, headers={**fields, "accept-encoding": "identity"})

    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert [1, 1] == [len(again.headers.getlist(name)) for name in ("x-request-id", "access-control-allow-origin")]
    assert ("gzip", None) == (first.headers.get("content-encoding"), again.headers.get("content-encoding"))
    assert b"paid 1 " + b"x" * 1000 == again.content


class UnsteadyStore(MemoryStore):
    """A store that is away for the operations that it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.away_for: tuple[str, ...] = ()

    async def set(self, key: str, value: bytes, **options: Any) -> bool:
        self._ask("set")
        return await super().set(key, value, **options)

    async def compare_and_set(self, key: str, expected: bytes | None, value: bytes, **options: Any) -> bool:
        self._ask("compare_and_set")
        return await super().compare_and_set(key, expected, value, **options)

    def _ask(self, operation: str) -> None:
        if operation in self.away_for:
            raise StoreUnavailable


@pytest.mark.parametrize(
    ("mode", "status_code", "count"), [("closed", 503, 0), ("open", 201, 3)], ids=["closed", "open"]
)
def test_a_store_that_is_away(mode: Any, status_code: int, count: int, caplog: pytest.LogCaptureFixture) -> None:
    """Closed, the handler does not run and the client is told to come back; open, it runs each time; one line each."""
    store = UnsteadyStore()
    store.away_for = ("set", "compare_and_set")
    till = Till(Idempotency(store, on_store_failure=mode))
    with caplog.at_level(logging.WARNING, "costrel.idempotency"), till.client() as client:
        responses = [client.post("/pay", headers=KEY) for _ in range(3)]
        without = client.post("/pay")

    assert ([status_code] * 3, 201) == ([response.status_code for response in responses], without.status_code)
    assert count + 1 == till.count
    assert mode == "open" or {"1"} == {response.headers["retry-after"] for response in responses}
    events = [record.getMessage().split()[0] for record in caplog.records]
    assert ["idempotency_unavailable"] == [event for event in events if event != "idempotency_answer_lost"]


def test_a_store_that_leaves_while_the_handler_runs(caplog: pytest.LogCaptureFixture) -> None:
    """The client gets its answer, and the log says that it is not kept."""
    store = UnsteadyStore()
    till = Till(Idempotency(store))
    store.away_for = ("compare_and_set",)
    with caplog.at_level(logging.WARNING, "costrel.idempotency"), till.client() as client:
        first, again = client.post("/pay", headers=KEY), client.post("/pay", headers=KEY)

    assert (201, 409, 1) == (first.status_code, again.status_code, till.count)
    assert ["idempotency_answer_lost"] == [record.getMessage().split()[0] for record in caplog.records]


def test_a_request_that_is_cancelled_while_its_answer_is_kept_was_done() -> None:
    """The handler has run, so its answer is kept all the same."""

    class SlowStore(MemoryStore):
        async def compare_and_set(self, key: str, expected: bytes | None, value: bytes, **options: Any) -> bool:
            writing.set()
            await may_go_on.wait()
            return await super().compare_and_set(key, expected, value, **options)

    writing, may_go_on = asyncio.Event(), asyncio.Event()

    async def scenario() -> tuple[int, TestResponse]:
        till = Till(Idempotency(SlowStore()))
        async with AsyncTestClient(till.app) as client:
            task = asyncio.create_task(client.post("/pay", headers=KEY))
            await writing.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            may_go_on.set()
            for _ in range(5):  # until it is kept; who asks before that is told that the request is under way
                await asyncio.sleep(0)
            again = await client.post("/pay", headers=KEY)
        return till.count, again

    count, again = asyncio.run(scenario())
    assert (1, "paid 1 ", True) == (count, again.text, is_replayed(again))


def test_two_layers_around_a_handler_are_one() -> None:
    """The outer one keeps the answer; the inner one may still require a key."""
    till = Till(Idempotency())

    @till.app.post("/strict", use=[Idempotency(required=True)])
    async def strict() -> str:
        till.count += 1
        return "strict"

    with till.client() as client:
        codes = [client.post("/strict", headers=fields).status_code for fields in (KEY, KEY, {})]

    assert ([200, 200, 400], 1) == (codes, till.count)


def test_a_request_that_is_passed_on_is_done_by_the_next_route() -> None:
    """Each of the two routes has the layer around it."""
    runs: list[str] = []
    app = App("test", use=[Idempotency()])

    @app.post("/<name>", fallthrough=True)
    async def special(name: str) -> str:
        runs.append("special")
        raise Pass

    @app.post("/<path:rest>")
    async def general(rest: str) -> str:
        runs.append("general")
        return "general"

    with app.test_client() as client:
        answers = [client.post("/a", headers=KEY) for _ in range(2)]

    assert ["special", "general"] == runs
    assert [False, True] == [is_replayed(answer) for answer in answers]


def test_a_handler_finds_the_key_and_reads_the_body_as_a_stream() -> None:
    """The layer has read it by then, and nothing is lost."""

    async def total(request: Request, body: BodyStream) -> dict[str, object]:
        size_bytes = 0
        async for piece in body:
            size_bytes += len(piece)
        return {"key": request.state.idempotency_key, "size_bytes": size_bytes}

    till = Till(Idempotency(), total=total)
    with till.client() as client:
        answers = [client.post("/total", content=bytes(600_000), headers=KEY).json() for _ in range(2)]

    assert [{"key": "k1", "size_bytes": 600_000}] * 2 == answers


def test_a_route_or_a_blueprint_can_have_it_alone() -> None:
    """And a route can stand outside."""
    app = App("test")
    orders = Blueprint("orders", prefix="/orders", use=[Idempotency()])
    runs: list[str] = []

    @orders.post("/kept")
    async def kept() -> str:
        runs.append("kept")
        return "kept"

    @orders.post("/outside", meta={"idempotency": False})
    async def outside() -> str:
        runs.append("outside")
        return "outside"

    app.register(orders)
    with app.test_client() as client:
        for path in ("/orders/kept", "/orders/outside"):
            client.post(path, headers=KEY)
            client.post(path, headers={"idempotency-key": "k1" if path.endswith("kept") else "k2"})

    assert ["kept", "outside", "outside"] == runs


def test_a_mounted_application_has_it_too() -> None:
    """Its routes are not known to the layer outside."""
    inner = Till(None)
    app = App("outer", use=[Idempotency()])
    app.mount("/inner", inner.app)
    with app.test_client() as client:
        answers = [client.post("/inner/pay", headers=KEY).text for _ in range(2)]

    assert (["paid 1 ", "paid 1 "], 1) == (answers, inner.count)


def test_a_handshake_passes() -> None:
    """It is a GET."""
    app = App("test", use=[Idempotency(required=True)])

    @app.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    with app.test_client() as client, client.websocket("/ws", headers=KEY) as socket:
        assert "hello" == socket.receive()


def test_what_it_does_is_described() -> None:
    """For documentation that is made of an application."""
    assert {400, 409, 422, 503} == set(Idempotency().describe().status_codes)
    assert {400, 409, 422} == set(Idempotency(on_store_failure="open").describe().status_codes)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"ttl_seconds": 0}, "COS-LAYERS-001"),
        ({"ttl_seconds": float("nan")}, "COS-LAYERS-001"),
        ({"lock_seconds": True}, "COS-LAYERS-001"),
        ({"lock_seconds": 61, "ttl_seconds": 60}, "COS-LAYERS-001"),
        ({"methods": "POST"}, "COS-LAYERS-001"),
        ({"methods": []}, "COS-LAYERS-001"),
        ({"methods": ["post"]}, "COS-LAYERS-001"),
        ({"methods": ["A B"]}, "COS-LAYERS-001"),
        ({"max_body_bytes": -1}, "COS-LAYERS-001"),
        ({"max_body_bytes": 16 * 1024 * 1024}, "COS-LAYERS-001"),
        ({"max_body_bytes": 1.5}, "COS-LAYERS-001"),
        ({"on_store_failure": "shut"}, "COS-LAYERS-001"),
        ({"by": "user"}, "COS-LAYERS-001"),
        ({"by": asyncio.sleep}, "COS-LAYERS-001"),
        ({"store": object()}, "COS-LAYERS-001"),
        ({"store": "nowhere"}, "COS-STORE-001"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
def test_what_cannot_be_meant_is_refused(options: Mapping[str, Any], code: str) -> None:
    """It is found when the layer is made."""
    with pytest.raises(ConfigurationError) as caught:
        Idempotency(**options)

    assert code == caught.value.mistake.code
