"""The verbs of registration: what they record, and what they refuse at once."""

from __future__ import annotations

from typing import Annotated

import pytest

from costrel.app import App, Blueprint, Resource
from costrel.app.registration import caller_where, where_of
from costrel.errors import ConfigurationError
from costrel.handling import Body
from costrel.testing import TestClient

VERBS = ("get", "post", "put", "patch", "delete", "options", "query")


@pytest.mark.capability("C001")
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("group", [App, Blueprint], ids=["app", "blueprint"])
def test_every_verb_registers_its_method(verb: str, group: type[App | Blueprint]) -> None:
    """The decorator named like a method answers it, on the app and on a blueprint."""
    app = App("test", extensions=())
    owner = app if group is App else Blueprint("part")

    @getattr(owner, verb)("/thing")
    async def handler() -> str:
        return verb

    if isinstance(owner, Blueprint):
        app.register(owner)

    with TestClient(app) as client:
        assert verb == client.request(verb.upper(), "/thing").text


@pytest.mark.capability("C001")
@pytest.mark.parametrize("verb", [*VERBS, "head", "websocket"])
def test_a_verb_takes_no_methods(verb: str) -> None:
    """`methods=` belongs to `route`; given to a verb it is refused where it is written."""
    app = App("test", extensions=())

    with pytest.raises(TypeError, match=rf'this registers {verb.upper()} alone; .* route\("/x", methods='):
        getattr(app, verb)("/x", methods=["GET"])


def test_an_option_of_another_framework_is_explained() -> None:
    """``response_model`` is what everybody tries who comes from FastAPI."""
    with pytest.raises(TypeError, match="here `response_model` is the return annotation, `-> Item`"):
        App("test", extensions=()).get("/", response_model=dict)(print)


def test_an_option_that_does_not_exist_is_refused() -> None:
    """A misspelt option would be ignored for ever."""
    app = App("test", extensions=())

    with pytest.raises(TypeError, match="a route has no option 'statuscode'; the options are after, before"):
        app.add_route("/x", lambda: "x", statuscode=201)


def test_one_method_may_be_given_as_text() -> None:
    """``methods="post"`` is one method and not its letters."""
    app = App("test", extensions=())
    app.add_route("/x", lambda: "x", methods="post")

    assert frozenset({"POST"}) == app.endpoints[0].methods


def test_decorators_return_what_they_decorate() -> None:
    """A function that was registered is still there to be called and tested."""
    app = App("test", extensions=())

    def function(*_: object) -> None: ...

    kept = [
        app.get("/x")(function),
        app.route("/y")(function),
        app.before_request(function),
        app.after_request(function),
        app.teardown_request(function),
        app.errorhandler(404)(function),
        app.url_value_preprocessor(function),
        app.url_defaults(function),
        app.on_start(function),
        app.on_stop(function),
        app.template_filter("x")(function),
    ]

    assert [function] * len(kept) == kept


def test_the_place_of_a_call_is_the_users_line() -> None:
    """However deep the verbs call each other, a message shows the line outside the framework."""
    app = App("test", extensions=())
    app.build()

    with pytest.raises(ConfigurationError) as caught:
        app.get("/late")(lambda: "x")

    assert caught.value.mistake.where.partition(":")[0].endswith("test_registration.py")


def test_where_of_names_the_line_of_a_function() -> None:
    """A message about a function says where it is written."""

    def function() -> None: ...

    assert where_of(function).endswith(f"test_registration.py:{function.__code__.co_firstlineno}")
    assert caller_where().partition(":")[0].endswith("test_registration.py")


def test_where_of_names_a_class_by_its_file() -> None:
    """A class has no line that can be found cheaply."""
    assert where_of(Resource).endswith("resource.py: class Resource")


def test_where_of_an_object_is_its_call() -> None:
    """An object that can be called is where its ``__call__`` is."""

    class Handler:
        def __call__(self) -> str:
            return "x"

    line = Handler.__call__.__code__.co_firstlineno

    assert where_of(Handler()).endswith(f"test_registration.py:{line}")


@pytest.mark.capability("C022")
def test_query_reads_a_body() -> None:
    """QUERY is safe as GET and has content as POST (RFC draft `httpbis-safe-method-w-body`)."""
    app = App("test", extensions=())

    @app.query("/search")
    async def search(terms: Annotated[list[str], Body()]) -> list[str]:
        return sorted(terms)

    with TestClient(app) as client:
        assert ["a", "b"] == client.query("/search", json=["b", "a"]).json()


@pytest.mark.capability("C022")
def test_a_method_of_its_own_is_registered() -> None:
    """Any token is a method (RFC 9110 §9.1)."""
    app = App("test", extensions=())
    app.add_route("/box", lambda: "locked", methods=["LOCK"])

    with TestClient(app) as client:
        assert "locked" == client.request("LOCK", "/box").text
        assert "LOCK, OPTIONS" == client.get("/box").headers["allow"]


@pytest.mark.capability("C023")
def test_metadata_of_a_route_is_there_for_hooks() -> None:
    """What is passed as `meta` can be read wherever the request is."""
    app = App("test", extensions=())
    seen: list[object] = []

    @app.before_request
    async def audit() -> None:
        from costrel import request

        seen.append(request.route.meta["audit"] if request.route is not None else None)

    @app.get("/a", meta={"audit": True})
    async def a() -> str:
        return "a"

    with TestClient(app) as client:
        client.get("/a")
        client.get("/nothing")

    assert [True, None] == seen
    assert {"audit": True} == app.endpoints[0].meta
