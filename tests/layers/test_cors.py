from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from costrel.app import App, Blueprint
from costrel.errors import ConfigurationError, Unauthorized
from costrel.layers import CORS
from costrel.messages import StreamResponse, WebSocket
from costrel.testing import WebSocketRefused

APP = "https://app.example.com"
PERMISSIONS = ("access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers")


def make_app(layer: CORS) -> App:
    app = App("test", use=[layer])

    @app.get("/")
    async def index() -> str:
        return "page"

    @app.get("/broken")
    async def broken() -> str:
        raise RuntimeError

    @app.get("/private")
    async def private() -> str:
        raise Unauthorized

    @app.get("/stream")
    async def stream() -> StreamResponse:
        async def pieces() -> AsyncIterator[str]:
            yield "piece"

        return StreamResponse(pieces())

    @app.websocket("/ws", origins=[APP])
    async def talk(socket: WebSocket) -> None:
        await socket.send("hello")

    return app


def answer(layer: CORS, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, dict[str, str]]:
    """Send one request, and return the status and the header fields of the answer."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    with make_app(layer).test_client(raise_app_exceptions=False) as client:
        response = client.request(method, path, headers=fields)
        return response.status_code, dict(response.headers.items())


def preflight(layer: CORS, method: str = "PUT", path: str = "/", **headers: str) -> tuple[int, dict[str, str]]:
    headers = {"origin": APP, "access_control_request_method": method, **headers}
    return answer(layer, path, "OPTIONS", **headers)


@pytest.mark.security("G2")
@pytest.mark.security("G3")
@pytest.mark.security("G4")
@pytest.mark.parametrize(
    ("layer", "origin", "is_allowed"),
    [
        pytest.param(CORS([APP]), APP, True, id="exact"),
        pytest.param(CORS([APP + ":443"]), APP, True, id="default-port-listed"),
        pytest.param(CORS([APP]), APP + ":443", True, id="default-port-sent"),
        pytest.param(CORS([APP]), "https://APP.example.com", True, id="case-of-host"),
        pytest.param(CORS([APP]), "http://app.example.com", False, id="other-scheme"),
        pytest.param(CORS([APP]), APP + ":8443", False, id="other-port"),
        pytest.param(CORS([APP]), APP + ".evil", False, id="longer-name"),
        pytest.param(CORS([APP]), APP + "/", False, id="no-origin-but-a-url"),
        pytest.param(CORS([APP]), "null", False, id="null-not-listed"),
        pytest.param(CORS(["null"]), "null", True, id="null-listed"),
        pytest.param(CORS(origin_regex="[a-z]+"), "null", False, id="null-by-pattern"),
        pytest.param(CORS(origin_regex=r"https://[a-z]+\.example\.com"), APP, True, id="pattern"),
        pytest.param(CORS(origin_regex=r"https://[a-z]+\.example\.com"), APP + ".evil", False, id="pattern-anchored"),
        pytest.param(CORS(origin_regex=r"https://[a-z.]+"), "https://" + "a" * 8192, False, id="8-KB"),
        pytest.param(CORS([APP]), "\u00e9vil", False, id="beyond-ascii"),
    ],
)
def test_an_origin_is_allowed_as_a_whole_or_not_at_all(layer: CORS, origin: str, is_allowed: bool) -> None:
    """What is not allowed is never repeated."""
    _, fields = answer(layer, origin=origin)

    assert (origin if is_allowed else None) == fields.get("access-control-allow-origin")
    assert "Origin" == fields["vary"]


@pytest.mark.security("G4")
def test_two_origins_are_none() -> None:
    """Nobody can say which of them counts."""
    with make_app(CORS([APP])).test_client() as client:
        response = client.get("/", headers=[("origin", APP), ("origin", APP)])

    assert "access-control-allow-origin" not in response.headers


@pytest.mark.security("G5")
def test_an_answer_without_origin_varies_too() -> None:
    """A cache must not give it to a page of another site."""
    assert "Origin" == answer(CORS([APP]))[1]["vary"]


@pytest.mark.security("G7")
@pytest.mark.parametrize(
    ("path", "status_code"),
    [("/", 200), ("/stream", 200), ("/missing", 404), ("/broken", 500), ("/private", 401)],
)
def test_every_answer_can_be_read(path: str, status_code: int) -> None:
    """Errors and streams have the fields too."""
    found, fields = answer(CORS([APP], credentials=True, expose=["X-Total"]), path, origin=APP)

    assert status_code == found
    assert APP == fields["access-control-allow-origin"]
    assert "true" == fields["access-control-allow-credentials"]
    assert "X-Total" == fields["access-control-expose-headers"]


def test_everybody_is_a_star_and_does_not_vary() -> None:
    """The answer is the same for all."""
    _, fields = answer(CORS(["*"]), origin="https://any.test")

    assert "*" == fields["access-control-allow-origin"]
    assert "vary" not in fields


def test_a_preflight_is_answered_by_the_layer() -> None:
    """It is answered with 204 and the permissions, whether there is such a path or not."""
    layer = CORS([APP], methods=["PUT"], headers=["X-Key"], max_age_seconds=60)
    status_code, fields = preflight(layer, path="/missing", access_control_request_headers="x-key")

    assert 204 == status_code
    assert [APP, "PUT", "X-Key"] == [fields[name] for name in PERMISSIONS]
    assert "60" == fields["access-control-max-age"]
    assert "Origin, Access-Control-Request-Method, Access-Control-Request-Headers" == fields["vary"]


@pytest.mark.security("G6")
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"origin": "https://evil.test"}, id="origin"),
        pytest.param({"access_control_request_method": "PURGE"}, id="method"),
        pytest.param({"access_control_request_method": "put"}, id="method-in-lower-case"),
        pytest.param({"access_control_request_headers": "x-other"}, id="field"),
        pytest.param({"access_control_request_private_network": "true"}, id="private-network"),
    ],
)
def test_a_refused_preflight_has_no_permission(headers: dict[str, str]) -> None:
    """Nothing in it tells what would be allowed."""
    status_code, fields = preflight(CORS([APP]), **headers)

    assert 204 == status_code
    assert [] == [name for name in fields if name.startswith("access-control-")]


def test_any_field_and_the_private_network_are_allowed_when_said() -> None:
    """Names come back as they were asked for, because `*` means nothing with credentials."""
    layer = CORS([APP], headers=["*"], credentials=True, private_network=True)
    _, fields = preflight(
        layer, access_control_request_headers="x-a, X-B", access_control_request_private_network="true"
    )

    assert "x-a, x-b" == fields["access-control-allow-headers"]
    assert "true" == fields["access-control-allow-private-network"]


def test_a_plain_options_request_passes() -> None:
    """Only a preflight is the layer's."""
    status_code, fields = answer(CORS([APP]), "/", "OPTIONS", origin=APP)

    assert (204, "GET, HEAD, OPTIONS") == (status_code, fields["allow"])


def test_a_blueprint_has_its_own() -> None:
    """Preflights below its prefix are answered, others are not."""
    app = App("test")
    api = Blueprint("api", prefix="/api", use=[CORS([APP])])

    @api.put("/item")
    async def item() -> str:
        return "item"

    app.register(api)
    headers = {"origin": APP, "access-control-request-method": "PUT"}
    with app.test_client() as client:
        assert APP == client.options("/api/item", headers=headers).headers["access-control-allow-origin"]
        assert "access-control-allow-origin" not in client.options("/item", headers=headers).headers


OTHER = "https://other.example.com"


def make_app_of_routes() -> App:
    """Make an application without a layer, whose routes and blueprint have one each."""
    app = App("test")
    unprefixed = Blueprint("unprefixed", use=[CORS([OTHER], methods=["POST"])])

    @app.put("/item/<int:number>", use=[CORS([APP])])
    async def change(number: int) -> str:
        return "changed"

    @app.delete("/item/<int:number>", use=[CORS([OTHER])])
    async def remove(number: int) -> str:
        return "removed"

    @app.get("/item/<int:number>")
    async def look(number: int) -> str:
        return "item"

    @app.put("/item/1")
    async def change_first() -> str:
        return "changed"

    @unprefixed.post("/order")
    async def order() -> str:
        return "ordered"

    app.register(unprefixed)
    return app


@pytest.mark.security("G6")
@pytest.mark.security("G8")
@pytest.mark.parametrize(
    ("path", "asked", "origin", "status_code", "is_allowed"),
    [
        pytest.param("/item/2", "PUT", APP, 204, True, id="route"),
        pytest.param("/item/2/", "PUT", APP, 204, True, id="route-with-a-slash"),
        pytest.param("/%69tem/2", "PUT", APP, 204, True, id="route-spelled-otherwise"),
        pytest.param("/item/2", "DELETE", APP, 204, False, id="another-method-of-the-path"),
        pytest.param("/item/2", "DELETE", OTHER, 204, True, id="the-layer-of-that-method"),
        pytest.param("/item/2", "GET", APP, 204, False, id="method-without-a-layer"),
        pytest.param("/item/2", "PATCH", APP, 204, False, id="method-that-is-not-there"),
        pytest.param("/item/1", "PUT", APP, 204, False, id="more-specific-route-without-a-layer"),
        pytest.param("/ITEM/2", "PUT", APP, 404, False, id="case"),
        pytest.param("/item/x", "PUT", APP, 404, False, id="no-route"),
        pytest.param("/order", "POST", OTHER, 204, True, id="blueprint-without-a-prefix"),
        pytest.param("/order", "POST", APP, 204, False, id="another-origin"),
        pytest.param("/order", "any method", OTHER, 204, False, id="no-method-at-all"),
    ],
)
def test_a_preflight_is_answered_by_the_route_that_it_asks_for(
    path: str, asked: str, origin: str, status_code: int, is_allowed: bool
) -> None:
    """Path and method lead to one route, as those of the request to come will, and its layer decides."""
    with make_app_of_routes().test_client() as client:
        response = client.options(path, headers={"origin": origin, "access-control-request-method": asked})

    assert status_code == response.status_code
    assert (origin if is_allowed else None) == response.headers.get("access-control-allow-origin")


def test_a_plain_options_request_of_a_route_with_a_layer_lists_its_methods() -> None:
    """Only a preflight is the layer's."""
    with make_app_of_routes().test_client() as client:
        response = client.options("/item/2", headers={"origin": APP})

    assert (204, "DELETE, GET, HEAD, OPTIONS, PUT") == (response.status_code, response.headers["allow"])


def test_what_the_browser_was_allowed_can_be_read() -> None:
    """The request that follows has the permission too, and that of its neighbour has none."""
    with make_app_of_routes().test_client() as client:
        allowed = client.put("/item/2", headers={"origin": APP})
        neighbour = client.get("/item/2", headers={"origin": APP})

    assert ("changed", APP) == (allowed.text, allowed.headers["access-control-allow-origin"])
    assert ("item", None) == (neighbour.text, neighbour.headers.get("access-control-allow-origin"))


@pytest.mark.parametrize("layer", [CORS([APP]), CORS(["*"])], ids=["listed", "everybody"])
@pytest.mark.parametrize("origin", [APP, None], ids=["of-a-page", "of-a-program"])
def test_a_handshake_passes_untouched(layer: CORS, origin: str | None) -> None:
    """CORS says nothing of WebSockets: no field is added."""
    headers = {} if origin is None else {"origin": origin}
    with make_app(layer).test_client() as client, client.websocket("/ws", headers=headers) as socket:
        assert "hello" == socket.receive()
        assert [] == [name for name in socket.headers if name.startswith("access-control-") or name == "vary"]


def test_the_route_refuses_a_handshake_that_the_layer_lets_pass() -> None:
    """Whose page may open a socket is said by `origins=` of the route, not by the layer."""
    with (
        make_app(CORS(["*"])).test_client() as client,
        pytest.raises(WebSocketRefused) as caught,
        client.websocket("/ws", headers={"origin": "https://evil.test"}),
    ):
        pass

    assert 403 == caught.value.response.status_code


@pytest.mark.security("G1")
@pytest.mark.security("G3")
@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param({"origins": ["*"], "credentials": True}, "COS-LAYERS-010", id="everybody-with-credentials"),
        pytest.param({"origin_regex": r"https://.*example\.com"}, "COS-LAYERS-011", id="any-prefix"),
        pytest.param({"origin_regex": "https://api.example"}, "COS-LAYERS-011", id="dot"),
        pytest.param({"origin_regex": "("}, "COS-LAYERS-001", id="no-pattern"),
        pytest.param({"origins": APP}, "COS-LAYERS-001", id="text"),
        pytest.param({"origins": []}, "COS-LAYERS-001", id="nobody"),
        pytest.param({"origins": [APP + "/"]}, "COS-LAYERS-001", id="slash"),
        pytest.param({"origins": [APP], "methods": ["*"]}, "COS-LAYERS-001", id="any-method"),
        pytest.param({"origins": [APP], "headers": ["a b"]}, "COS-LAYERS-001", id="no-name"),
        pytest.param({"origins": [APP], "max_age_seconds": -1}, "COS-LAYERS-001", id="age"),
        pytest.param({"origins": [APP], "expose": ["*"], "credentials": True}, "COS-LAYERS-001", id="expose-all"),
    ],
)
def test_what_cannot_be_meant_is_refused(options: dict[str, Any], code: str) -> None:
    """It is found when the layer is made."""
    with pytest.raises(ConfigurationError) as caught:
        CORS(**options)

    assert code == caught.value.mistake.code
