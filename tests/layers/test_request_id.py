from __future__ import annotations

import logging
import re

import pytest

from costrel import request as current_request
from costrel.app import App, Blueprint
from costrel.errors import ConfigurationError
from costrel.layers import RequestID
from costrel.messages import Request, Response, WebSocket
from costrel.testing import TestClient


def app_with(layer: RequestID) -> App:
    app = App("test", use=[layer])

    @app.get("/")
    async def index(request: Request) -> str:
        return request.id

    @app.get("/broken")
    async def broken() -> str:
        raise RuntimeError

    @app.get("/own")
    async def own() -> Response:
        return Response("", headers={"X-Request-ID": "of-the-handler"})

    @app.websocket("/ws")
    async def talk(socket: WebSocket, request: Request) -> None:
        await socket.send(request.id)

    return app


@pytest.mark.capability("C037")
def test_the_answer_names_its_request() -> None:
    """What the handler sees as the identifier is in the header field."""
    with app_with(RequestID()).test_client() as client:
        response = client.get("/")

    assert response.text == response.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{16}", response.text)


@pytest.mark.capability("C037")
@pytest.mark.security("L9")
@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        pytest.param("abc-123_X.9", True, id="letters-digits-and-marks"),
        pytest.param("a" * 128, True, id="128-characters"),
        pytest.param("a" * 129, False, id="129-characters"),
        pytest.param("", False, id="empty"),
        pytest.param("a b", False, id="space"),
        pytest.param("a;31m", False, id="semicolon"),
        pytest.param("a%0d%0aINFO", False, id="percent-sign"),
        pytest.param('a"', False, id="quote"),
        pytest.param("\xe9", False, id="beyond-ascii"),
    ],
)
def test_a_trusted_value_is_taken_when_it_is_harmless(given: str, is_taken: bool) -> None:
    """What goes into log lines is of few characters and short."""
    with app_with(RequestID(trust=True)).test_client() as client:
        answered = client.get("/", headers=[("x-request-id", given)]).headers["x-request-id"]

    assert is_taken == (given == answered)
    assert re.fullmatch("[A-Za-z0-9._-]{1,128}", answered)


def test_a_value_is_not_taken_unless_it_is_trusted() -> None:
    """A client cannot choose under which name it is logged."""
    with app_with(RequestID()).test_client() as client:
        assert "chosen" != client.get("/", headers={"x-request-id": "chosen"}).headers["x-request-id"]


@pytest.mark.capability("C037")
@pytest.mark.parametrize(("path", "status_code"), [("/nothing", 404), ("/broken", 500)])
def test_an_error_names_its_request_too(path: str, status_code: int, caplog: pytest.LogCaptureFixture) -> None:
    """The number that a user reports is in the log."""
    with app_with(RequestID(trust=True)).test_client(raise_app_exceptions=False) as client:
        response = client.get(path, headers={"x-request-id": "seen-by-the-gateway"})

    assert (status_code, "seen-by-the-gateway") == (response.status_code, response.headers["x-request-id"])
    if status_code == 500:
        assert "seen-by-the-gateway" == response.json()["request_id"]
        assert "request_id=seen-by-the-gateway" in "".join(
            record.getMessage() for record in caplog.records if record.levelno == logging.ERROR
        )


def test_a_handler_does_not_rename_its_request() -> None:
    """The field says what the log says."""
    with app_with(RequestID()).test_client() as client:
        response = client.get("/own")

    assert ["of-the-handler"] != response.headers.getlist("x-request-id")
    assert 1 == len(response.headers.getlist("x-request-id"))


def test_the_field_may_have_another_name() -> None:
    """Gateways have names of their own for it."""
    with app_with(RequestID("X-Correlation-ID", trust=True)).test_client() as client:
        response = client.get("/", headers={"x-correlation-id": "abc"})

    assert ("abc", "abc") == (response.text, response.headers["x-correlation-id"])


def test_two_layers_agree() -> None:
    """An inner layer keeps the identifier that an outer one has taken."""
    app = App("test", use=[RequestID(trust=True)])

    @app.get("/", use=[RequestID()])
    async def index(request: Request) -> str:
        return request.id

    with app.test_client() as client:
        response = client.get("/", headers={"x-request-id": "abc"})

    assert ("abc", ["abc"]) == (response.text, response.headers.getlist("x-request-id"))


def test_a_handshake_is_named_too() -> None:
    """The socket's handler has the identifier of the answer."""
    with TestClient(app_with(RequestID())) as client, client.websocket("/ws") as socket:
        assert socket.headers["x-request-id"] == socket.receive()


@pytest.mark.parametrize("scope", ["blueprint", "route"])
def test_it_may_stand_around_a_part_of_the_application(scope: str) -> None:
    """Only what it stands around has the field."""
    app = App("test")
    part = Blueprint("part", prefix="/part", use=[RequestID()] if scope == "blueprint" else [])

    @part.get("/", use=[RequestID()] if scope == "route" else [])
    async def inside() -> str:
        return "inside"

    @app.get("/")
    async def outside() -> str:
        return "outside"

    app.register(part)
    with app.test_client() as client:
        assert [False, True] == ["x-request-id" in client.get(path).headers for path in ("/", "/part/")]


@pytest.mark.parametrize("header", ["", "x id", "x-id\r\n", None])
def test_a_name_that_no_field_has_is_refused(header: object) -> None:
    """A mistake shows when the layer is made."""
    with pytest.raises(ConfigurationError) as caught:
        RequestID(header)

    assert "COS-LAYERS-001" == caught.value.code


def test_it_describes_itself() -> None:
    """Documentation learns which fields it sets and reads."""

    assert ((), ("x-request-id",)) == (
        RequestID().describe().request_headers,
        RequestID().describe().response_headers,
    )
    assert ("x-request-id",) == RequestID(trust=True).describe().request_headers
    assert "RequestID('x-request-id', trust=False)" == repr(RequestID())


@pytest.mark.capability("C037")
def test_a_call_to_another_service_passes_it_on() -> None:
    """Whoever makes the call finds it without being given the request, in another thread too."""
    other = app_with(RequestID(trust=True))

    def call_other() -> str:
        with other.test_client() as client:
            return client.get("/", headers={"x-request-id": current_request.id}).text

    app = app_with(RequestID())
    app.add_route("/calls", call_other, name="calls")
    with app.test_client() as client:
        response = client.get("/calls")

    assert response.text == response.headers["x-request-id"]
