"""Raw requests on real sockets: what must be refused is refused, and what must not end a connection does not."""

from __future__ import annotations

from typing import Any

import pytest

from costrel import App, BodyStream, Resource, Response

pytestmark = pytest.mark.integration
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

REPRESENTATIVES = [
    ("A1", "cl-te"),
    ("A2", "te-cl"),
    ("A3", "cl-dup-same"),
    ("A4", "cl-dup-diff"),
    ("A5", "cl-minus"),
    ("A6", "cl-space-colon"),
    ("A7", "te-dup"),
    ("A8", "te-comma-chunked"),
    ("A9", "te-gzip-chunked"),
    ("A10", "te-http10"),
    ("A11", "obs-fold"),
    ("A12", "lf-only"),
    ("A13", "crlf-cr-X-end"),
    ("A14", "ch-0x"),
    ("A15", "ch-huge-size"),
    ("A16", "ch-end-xx"),
    ("A17", "ch-ext-ok"),
    ("A18", "ch-ext-lf"),
    ("A19", "ch-ext-each"),
    ("A20", "ch-tiny-5000"),
    ("A21", "ch-trailer-host"),
    ("A21", "ch-trailer-10k"),
    ("A22", "ch-invalid-then-req"),
    ("A24", "nul-value"),
    ("A25", "latin1-value"),
    ("A26", "te-underscore"),
    ("A27", "method-64k"),
    ("A28", "method-unknown"),
    ("A29", "h2-preface"),
    ("A30", "double-space"),
    ("A31", "target-star-get"),
    ("A32", "target-abs-mismatch"),
    ("A33", "target-fragment"),
    ("A34", "target-connect"),
    ("A35", "target-1M"),
    ("A36", "host-dup"),
    ("A37", "hdr-10000"),
    ("A38", "hdr-val-1M"),
    ("A39", "leading-crlf-10k"),
    ("A40", "expect-bogus"),
    ("A41", "pipeline-bad2nd"),
    ("A42", "close-then-req"),
    ("A43", "upgrade-h2c"),
    ("A44", "upgrade-body-smuggle"),
    ("A45", "conn-strip-host"),
    ("A47", "tls-hello"),
]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.security(row), id=f"{row}-{name}") for row, name in REPRESENTATIVES]
)
def test_vector_on_a_socket(run: Any, net: Any, vectors: Any, name: str) -> None:
    """A raw request gets its answers, and after a good one the connection serves another."""
    expected = vectors.ANSWERS.get(name, ({400},))
    stays_open = name in vectors.STAYS_OPEN

    async def main() -> None:
        async with net.running() as server:
            answer = await net.talk(server, vectors.VECTORS[name] + (LAST if stays_open else b""))
            statuses = net.statuses(answer)

            assert len(expected) + stays_open == len(statuses)
            assert all(status in allowed for status, allowed in zip(statuses, expected, strict=False))
            assert b"smuggled" not in answer
            assert stays_open == answer.endswith(b"\r\n\r\nlast")

    run(main)


@pytest.mark.security("A23")
def test_chunked_body_cut_before_its_end(run: Any, net: Any) -> None:
    """A chunked body that ends with the connection, even behind its last chunk's size, is never complete."""
    outcome: list[str] = []

    async def main() -> None:
        async with net.running(make_reading_app(outcome)) as server:
            for body in (b"3\r\nabc\r\n", b"3\r\nabc\r\n0\r\n"):
                head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                async with net.client(server) as client:
                    await client.send(head + body)
                    client.writer.write_eof()

                    assert b"" == await client.rest()

    run(main)

    assert ["ClientDisconnected"] * 2 == outcome


@pytest.mark.security("C32")
def test_body_shorter_than_its_length(run: Any, net: Any) -> None:
    """A body that ends before its Content-Length is never taken for complete."""
    outcome: list[str] = []

    async def main() -> None:
        async with net.running(make_reading_app(outcome)) as server, net.client(server) as client:
            await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabc")
            client.writer.write_eof()

            assert b"" == await client.rest()

    run(main)

    assert ["ClientDisconnected"] == outcome


def make_reading_app(outcome: list[str]) -> Any:
    """An application that reads the body and notes how that ended."""
    app = App()

    @app.post("/")
    async def read(body: BodyStream) -> str:
        try:
            async for _ in body:
                pass
        except BaseException as error:
            outcome.append(type(error).__name__)
            raise
        outcome.append("complete")
        return "complete"

    return app


@pytest.mark.security("A46")
@pytest.mark.security("B17")
@pytest.mark.parametrize(
    ("method", "allowed"),
    [("TRACE", {405}), ("_DO_DELETE", {400, 501}), ("__init__", {400, 501}), ("PREFLIGHT", {501}), ("LINK", {405})],
)
def test_method_that_nothing_has(run: Any, net: Any, method: str, allowed: set[int]) -> None:
    """A method is looked up and never called by name, and nothing of the request comes back."""

    class Thing(Resource):
        def get(self) -> str:
            return "got"

        def _do_delete(self) -> str:
            return "deleted"

    async def main() -> None:
        app = App()
        app.add_resource("/thing", Thing)
        async with net.running(app) as server:
            head = f"{method} /thing HTTP/1.1\r\nHost: a\r\nCookie: s=secret\r\nConnection: close\r\n\r\n"
            answer = await net.talk(server, head.encode())

            assert 1 == len(net.statuses(answer))
            assert net.statuses(answer)[0] in allowed
            assert b"secret" not in answer
            assert b"deleted" not in answer

    run(main)


@pytest.mark.security("A48")
@pytest.mark.parametrize(
    ("name", "value"), [("x-a", "v\r\nX-Evil: 1"), ("x evil", "1"), ("x-a", "\0evil"), ("x-a", "\x01evil")]
)
def test_field_that_would_split_a_response(run: Any, net: Any, name: str, value: str) -> None:
    """A field that no response may have is an error where it is set, and nothing of it goes out."""

    app = App()

    @app.get("/")
    async def index() -> Response:
        response = Response("Hello")
        response.headers[name] = value
        return response

    async def main() -> None:
        async with net.running(app) as server:
            answer = await net.talk(server, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

            assert [500] == net.statuses(answer)
            assert b"evil" not in answer.lower()

    run(main)


@pytest.mark.security("A49")
@pytest.mark.parametrize(
    ("path", "expected", "keeps"),
    [
        pytest.param("/short", b"Something went wrong on our side.", False, id="short"),
        pytest.param("/long", b"abcde", False, id="long"),
        pytest.param("/both", b"Hello", True, id="length-and-coding"),
        pytest.param("/204", b"", True, id="204"),
        pytest.param("/304", b"", True, id="304"),
    ],
)
def test_body_that_does_not_fit_its_head(run: Any, net: Any, path: str, expected: bytes, keeps: bool) -> None:
    """What the head says holds on the wire, and where body and length disagree the connection ends.

    A body that is too short is found before its head is sent, so an honest 500 takes its place.
    """

    app = App()
    responses = {
        "/short": lambda: Response(b"abc", headers={"Content-Length": "5"}),
        "/long": lambda: Response(b"abcdefgh", headers={"Content-Length": "5"}),
        "/both": lambda: Response(b"Hello", headers={"Content-Length": "5", "Transfer-Encoding": "chunked"}),
        "/204": lambda: Response(b"Hello", 204),
        "/304": lambda: Response(b"Hello", 304),
    }

    @app.get("/{name}")
    async def answer(name: str) -> Response:
        return responses[f"/{name}"]()

    async def main() -> None:
        async with net.running(app) as server:
            data = await net.talk(server, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() + LAST * keeps)
            head, _, rest = data.partition(b"\r\n\r\n")

            assert b"transfer-encoding" not in head
            assert rest.startswith(expected + (b"HTTP/1.1 " if keeps else b""))
            if not keeps:
                assert expected == rest

    responses["/last"] = lambda: Response(b"last")
    run(main)
