"""Forty common mistakes and the exact text that each gets: what, where, why and the fix.

The texts are in ``snapshots/``; line numbers are left out of them. With ``COSTREL_UPDATE_SNAPSHOTS=1`` in the
environment they are written anew, to be read in the diff.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from costrel.app import App, AppSettings, Blueprint, Globals, Resource, Settings, State, g, request, url_for
from costrel.handling import Body
from costrel.messages import Request, Response
from costrel.testing import TestClient

SNAPSHOTS = Path(__file__).parent / "snapshots"


class Order(msgspec.Struct):
    """A body."""

    item: str


class Address(msgspec.Struct):
    """Another body."""

    street: str


class Service:
    """Something that nobody provides."""


class Users(Resource):
    """A resource."""

    def get(self) -> str:
        return "x"


class Shouting(Resource):
    """A resource whose methods are misspelt."""

    def GET(self) -> str:
        return "x"


class MyGlobals(Globals):
    """A namespace that hides a method."""

    get: str


class ShopSettings(Settings, prefix="COSTREL_TEST_SHOP_", env_file="no-such-file"):
    """Settings that are not set."""

    database_url: str
    page_size: int


def new() -> App:
    return App("shop", extensions=())


def built(register: Callable[[App], object]) -> Callable[[], object]:
    """Make a case of what `build` finds."""

    def case() -> object:
        app = new()
        register(app)
        return app.build()

    return case


def asked(register: Callable[[App], object], path: str = "/") -> Callable[[], object]:
    """Make a case of what a request finds."""

    def case() -> object:
        app = new()
        register(app)
        with TestClient(app) as client:
            return client.get(path)

    return case


def late() -> None:
    app = new()
    app.build()
    app.get("/late")(lambda: "x")


def handler() -> str:
    return "x"


def two_of_one_name(app: App) -> None:
    app.add_route("/a", handler, name="page")
    app.add_route("/b", lambda: "x", name="page")


def same_path_twice(app: App) -> None:
    app.add_route("/a", handler, name="one")
    app.add_route("/a", handler, name="two")


def ambiguous(app: App) -> None:
    app.add_route("/{name}", handler, name="one")
    app.add_route("/{id}", handler, name="two")


def unknown_service(app: App) -> None:
    def show(service: Service) -> str:
        return "x"

    app.add_route("/", show)


def body_on_get(app: App) -> None:
    def show(order: Order) -> str:
        return "x"

    app.add_route("/", show)


def two_bodies(app: App) -> None:
    def create(a: Order, b: Address = Body()) -> str:
        return "x"

    app.add_route("/", create, methods=["POST"])


def wrong_error_key(app: App) -> None:
    app.errorhandler(200)(handler)


def error_handler_with_service(app: App) -> None:
    def on_error(error: KeyError, db: Service) -> str:
        return "x"

    app.errorhandler(KeyError)(on_error)


def blueprint_twice(app: App) -> None:
    part = Blueprint("part")
    app.register(part, prefix="/a")
    app.register(part, prefix="/b")


def not_a_layer(app: App) -> None:
    class CORS:
        pass

    app.add_route("/", handler, use=[CORS])


def wsgi_application(environ: object, start_response: object) -> list[bytes]:
    return []


def two_fallbacks(app: App) -> None:
    app.mount("/", wsgi_application, name="legacy", fallback=True)
    app.mount("/", wsgi_application, name="older", fallback=True)


def mount_with_parameter(app: App) -> None:
    app.mount("/{tenant}/shop", new())


def unknown_name() -> None:
    app = new()
    app.add_route("/", handler, name="users.show")
    app.url_for("user.show")


def missing_value() -> None:
    app = new()
    app.add_route("/users/{id}", handler, name="show")
    app.url_for("show")


def external_url() -> None:
    app = new()
    app.add_route("/", handler, name="index")
    app.url_for("index", external=True)


def body_in_layer(app: App) -> None:
    async def layer(request: Request, call_next: object) -> Response:
        _ = request.body
        raise AssertionError

    app.add_route("/", handler, use=[layer])


def two_sessions() -> None:
    with App("shop").test_request_context("/"):
        from costrel.app import session

        session["cart"] = 1


def no_sessions() -> None:
    with new().test_request_context("/"):
        from costrel.app import session

        session["cart"] = 1


def flask_name() -> None:
    with new().test_request_context("/"):
        _ = request.args


def flask_json() -> None:
    with new().test_request_context("/", method="POST", json={"a": 1}):
        _ = request.json["a"]


def value_that_is_no_response(app: App) -> None:
    app.add_route("/", lambda: Service(), name="index")


CASES: dict[str, Callable[[], object]] = {
    "registering-after-the-build": late,
    "two-handlers-of-one-name": built(two_of_one_name),
    "one-path-twice": built(same_path_twice),
    "ambiguous-patterns": built(ambiguous),
    "pattern-without-slash": built(lambda app: app.add_route("users", handler)),
    "pattern-of-express": built(lambda app: app.add_route("/users/:id", handler)),
    "unknown-converter": built(lambda app: app.add_route("/{id:itn}", handler)),
    "a-type-that-nobody-provides": built(unknown_service),
    "a-body-on-get": built(body_on_get),
    "two-bodies": built(two_bodies),
    "no-method": built(lambda app: app.add_route("/", handler, methods=[])),
    "method-with-a-space": built(lambda app: app.add_route("/", handler, methods=["GET, POST"])),
    "a-resource-decorated-as-a-handler": built(lambda app: app.get("/users")(Users)),
    "a-resource-without-methods": lambda: new().add_resource("/users", Shouting),
    "error-handler-for-200": built(wrong_error_key),
    "error-handler-with-a-service": built(error_handler_with_service),
    "a-blueprint-registered-twice": built(blueprint_twice),
    "a-layer-that-was-not-made": built(not_a_layer),
    "a-mount-with-a-parameter": built(mount_with_parameter),
    "a-mount-of-no-application": lambda: new().mount("/legacy", object()),
    "a-mount-of-a-class": lambda: new().mount("/legacy", Users),
    "a-mount-that-may-be-asgi-or-wsgi": lambda: new().mount("/legacy", lambda *arguments: None),
    "a-mode-for-wsgi": lambda: new().mount("/legacy", wsgi_application, mode="task"),
    "two-fallbacks": built(two_fallbacks),
    "an-event-that-does-not-exist": lambda: new().on("request_finnished", print),
    "globals-that-hide-a-method": lambda: App("shop", extensions=(), g=MyGlobals).build(),
    "state-that-hides-a-method": lambda: App("shop", extensions=(), state=State(copy=1)).build(),
    "an-extension-that-cannot-be-imported": lambda: App("shop", extensions=["shop.mail:Mail"]).build(),
    "settings-that-are-not-set": ShopSettings,
    "a-secret-key-that-is-short": lambda: AppSettings(secret_key="short"),
    "a-setting-out-of-range": lambda: AppSettings(max_body_bytes=-1, trailing_slash="maybe"),
    "request-outside-a-request": lambda: request.method,
    "g-outside-a-request": lambda: g.user,
    "url-for-outside-a-request": lambda: url_for("index"),
    "url-for-an-unknown-name": unknown_name,
    "url-for-without-a-value": missing_value,
    "external-url-without-a-base": external_url,
    "the-body-in-a-layer": asked(body_in_layer),
    "a-session-without-a-key": two_sessions,
    "a-session-without-the-extension": no_sessions,
    "a-name-of-flask": flask_name,
    "json-as-an-attribute": flask_json,
    "a-value-that-is-no-response": asked(value_that_is_no_response),
    "threads-outside-a-running-application": lambda: new().execution.stats(),
}


@pytest.mark.pain("P33")
@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_explained(name: str) -> None:
    """The text says what happened, where, by which rule, and what to write instead."""
    with pytest.raises(Exception) as caught:
        CASES[name]()

    text = re.sub(r"[^\s(]*/(\w+\.py)", r"\1", f"{type(caught.value).__name__}: {caught.value}\n")
    text = re.sub(r"(test_mistake_texts\.py):\d+", r"\1:LINE", text)
    text = re.sub(r"0x[0-9a-f]+", "0xADDRESS", text)
    snapshot = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("COSTREL_UPDATE_SNAPSHOTS"):
        snapshot.write_text(text, "utf-8")

    assert snapshot.read_text("utf-8") == text


def test_every_snapshot_belongs_to_a_case() -> None:
    """A text whose case was renamed would prove nothing."""
    assert sorted(CASES) == sorted(path.stem for path in SNAPSHOTS.glob("*.txt"))


@pytest.mark.pain("P33")
def test_all_mistakes_are_told_together() -> None:
    """Nobody mends one, starts again, and finds the next: the sixth is the path that two of these routes share."""
    app = new()
    for register in (two_of_one_name, unknown_service, wrong_error_key, not_a_layer, mount_with_parameter):
        register(app)

    with pytest.raises(Exception) as caught:
        app.build()

    assert "6 mistakes in the application:" == str(caught.value).splitlines()[0]
    assert "COS-ROUTE-013" in {mistake.code for mistake in caught.value.mistakes}
