"""What an application may rely on when it reads a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
import pytest

from costrel import App, Body, BodyStream, Request, Response, UploadFile
from costrel.app import AppSettings
from costrel.http import parse_nested
from costrel.messages import Dispatch
from costrel.testing import TestClient

MIB = 1024 * 1024


async def up_to_three_mib(request: Request, call_next: Dispatch) -> Response:
    """Take larger bodies than the application does."""
    request.max_body_bytes = 3 * MIB
    return await call_next(request)


@pytest.mark.capability("X10")
@pytest.mark.parametrize(
    ("path", "size_bytes", "expected"),
    [
        pytest.param("/small", MIB, 200, id="at-the-limit-of-the-application"),
        pytest.param("/small", MIB + 1, 413, id="over-the-limit-of-the-application"),
        pytest.param("/large", 3 * MIB, 200, id="at-the-limit-of-the-route"),
        pytest.param("/large", 3 * MIB + 1, 413, id="over-the-limit-of-the-route"),
        pytest.param("/stream", 3 * MIB, 200, id="at-the-limit-of-a-stream"),
        pytest.param("/stream", 3 * MIB + 1, 413, id="over-the-limit-of-a-stream"),
    ],
)
@pytest.mark.parametrize("is_declared", [True, False], ids=["with-a-length", "in-pieces"])
def test_one_route_takes_larger_bodies(path: str, size_bytes: int, expected: int, is_declared: bool) -> None:
    """A layer that sets `max_body_bytes` moves the limit of its route, and of no other, at the byte."""
    app = App("test", extensions=())

    @app.post("/small")
    async def small(body: Annotated[bytes, Body()]) -> int:
        return len(body)

    @app.post("/large", use=[up_to_three_mib])
    async def large(body: Annotated[bytes, Body()]) -> int:
        return len(body)

    @app.post("/stream", use=[up_to_three_mib])
    async def stream(body: BodyStream) -> int:
        return sum([len(piece) async for piece in body])

    def pieces() -> Iterator[bytes]:
        left = size_bytes
        while left:
            yield bytes(min(left, 65_536))
            left -= min(left, 65_536)

    with TestClient(app) as client:
        response = client.post(path, content=bytes(size_bytes) if is_declared else pieces())

    assert expected == response.status_code
    if expected == 200:
        assert size_bytes == response.json()


@pytest.mark.capability("X10")
def test_a_form_has_the_limit_of_its_route() -> None:
    """The limit that a layer sets holds for multipart bodies too, in both directions."""
    app = App("test", extensions=(), settings=AppSettings(max_multipart_bytes=100))

    @app.post("/large", use=[up_to_three_mib])
    async def large(file: UploadFile) -> int:
        return file.size_bytes

    @app.post("/small")
    async def small(file: UploadFile) -> int:
        return file.size_bytes

    with TestClient(app) as client:
        answers = [client.post(path, files={"file": b"x" * 1000}) for path in ("/large", "/small")]

    assert [(200, "1000"), (413, None)] == [
        (answer.status_code, answer.text if answer.is_success else None) for answer in answers
    ]


@pytest.mark.capability("C028")
def test_a_part_is_read_before_the_next_one_arrives() -> None:
    """`body.parts()` hands a part out while the rest of the form is still on its way."""
    app = App("test", extensions=())
    log: list[str] = []

    @app.post("/")
    async def take(body: BodyStream) -> None:
        async for part in body.parts():
            log.append(f"read {part.name} {len(await part.read())}")

    def pieces() -> Iterator[bytes]:
        yield b"--b\r\n"
        for name, ending in ((b"first", b""), (b"second", b""), (b"third", b"--")):
            log.append(f"send {name.decode()}")
            head = b'Content-Disposition: form-data; name="%b"\r\n\r\n' % name
            yield head + b"x" * 100_000 + b"\r\n--b" + ending + b"\r\n"

    with TestClient(app) as client:
        response = client.post("/", content=pieces(), headers={"content-type": "multipart/form-data; boundary=b"})

    assert 204 == response.status_code
    assert [
        "send first",
        "read first 100000",
        "send second",
        "read second 100000",
        "send third",
        "read third 100000",
    ] == log


class Order(msgspec.Struct):
    """What is sent in many formats."""

    item: str
    count: int


@pytest.mark.capability("C031")
def test_a_media_type_is_read_after_one_registration() -> None:
    """A parser gives plain values, which are converted and validated like JSON."""
    app = App("test", extensions=())
    app.body_parser("application/vnd.msgpack", msgspec.msgpack.decode)

    @app.post("/")
    async def create(order: Order) -> str:
        return f"{order.count} {order.item}"

    def send(value: object) -> tuple[int, str]:
        response = client.post(
            "/", content=msgspec.msgpack.encode(value), headers={"content-type": "application/vnd.msgpack"}
        )
        return response.status_code, response.text

    with TestClient(app) as client:
        good, wrong, broken = (
            send({"item": "tea", "count": 2}),
            send({"item": "tea", "count": "x"}),
            client.post("/", content=b"\xc1", headers={"content-type": "application/vnd.msgpack"}),
        )
        other = client.post("/", content=b"<a/>", headers={"content-type": "application/xml"})

    assert (200, "2 tea") == good
    assert (422, True) == (wrong[0], "$.count" in wrong[1])
    assert [400, 415] == [broken.status_code, other.status_code]


@pytest.mark.capability("X09")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("a[b]=1&a[c][]=2&a[c][]=3&d=4&d=5", (200, {"a": {"b": "1", "c": ["2", "3"]}}), id="nested"),
        pytest.param("a" + "[b]" * 20 + "=1", (400, None), id="too-deep"),
        pytest.param("&".join(f"a[{number}]=1" for number in range(1001)), (400, None), id="too-many"),
    ],
)
def test_nested_query_strings_have_limits(query: str, expected: tuple[int, object]) -> None:
    """Brackets make a tree when they are asked to, no deeper and no wider than allowed; repeated keys stay a list."""
    app = App("test", extensions=())

    @app.get("/")
    async def show(request: Request) -> dict[str, object]:
        nested = parse_nested(request.query)
        return {"nested": {key: value for key, value in nested.items() if key != "d"}, "d": request.query.getlist("d")}

    with TestClient(app, raise_app_exceptions=False) as client:
        response = client.get(f"/?{query}")

    assert expected[0] == response.status_code
    if expected[0] == 200:
        assert {"nested": expected[1], "d": ["4", "5"]} == response.json()


@pytest.mark.capability("X29")
@pytest.mark.parametrize(
    ("count", "status_code"),
    [pytest.param(999, 200, id="below"), pytest.param(1000, 200, id="at"), pytest.param(1001, 413, id="above")],
)
@pytest.mark.parametrize("is_multipart", [True, False], ids=["multipart", "urlencoded"])
def test_a_form_has_a_thousand_fields_at_most(count: int, status_code: int, is_multipart: bool) -> None:
    """One more is 413, in both kinds of form."""
    app = App("test", extensions=())

    @app.post("/")
    async def take(request: Request) -> int:
        return len(request.form)

    fields = {f"f{number}": "x" for number in range(count)}
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\nx\r\n'
    body = "".join(part.format(name) for name in fields) + "--b--\r\n"

    with TestClient(app) as client:
        if is_multipart:
            headers = {"content-type": "multipart/form-data; boundary=b"}
            response = client.post("/", content=body, headers=headers)
        else:
            response = client.post("/", data=fields)

    assert status_code == response.status_code


@pytest.mark.capability("C025")
def test_a_query_value_is_converted_or_replaced() -> None:
    """`get` with a type gives the default for a bad value; a typed parameter refuses it."""
    app = App("test", extensions=())

    @app.get("/lenient")
    async def lenient(request: Request) -> int | None:
        return request.query.get("n", type=int, default=1)

    @app.get("/strict")
    async def strict(n: Annotated[int, "how many"] = 1) -> int:
        return n

    with TestClient(app) as client:
        answers = [
            client.get(f"/{path}") for path in ("lenient?n=2", "lenient?n=x", "strict?n=2", "strict", "strict?n=x")
        ]

    assert [(200, "2"), (200, "1"), (200, "2"), (200, "1"), (422, "")] == [
        (answer.status_code, answer.text if answer.is_success else "") for answer in answers
    ]
