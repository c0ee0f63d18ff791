"""What middleware has changed in the scope, as the request has it."""

from __future__ import annotations

from typing import Any

import pytest

from costrel import App, Request
from costrel.mounts import make_scope
from costrel.mounts.wrapping_scope import inherit, take_changes
from costrel.testing import make_request

app = App("wrapped")


class Prefix:
    """A mount, as far as a scope asks for one."""

    prefix = "/mounted"


def changed(request: Request, **changes: Any) -> Request:
    """Pass a scope on with changes."""
    scope = make_scope(request, {})
    given = scope["path"], scope["raw_path"], scope["root_path"]
    take_changes(request, {**scope, **changes}, *given)
    return request


def test_a_scope_that_was_passed_on_as_it_came_changes_nothing() -> None:
    """Not even what was parsed is forgotten."""
    request = make_request(app, "GET", "/a%20b?c=d", headers={"cookie": "e=f"})
    before = request.query, request.cookies, request.headers, request.url, request.raw_headers
    changed(request)

    after = request.query, request.cookies, request.headers, request.url, request.raw_headers
    assert all(old is new for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("changes", "attribute", "expected"),
    [
        pytest.param({"method": "put"}, "method", "PUT", id="method"),
        pytest.param({"scheme": "https"}, "scheme", "https", id="scheme"),
        pytest.param({"scheme": "wss"}, "scheme", "https", id="scheme-of-a-socket"),
        pytest.param({"client": ["192.0.2.7", 9]}, "client", ("192.0.2.7", 9), id="client"),
        pytest.param({"client": None}, "client", None, id="no-client"),
        pytest.param({"query_string": b"x=y"}, "query_string", b"x=y", id="query"),
        pytest.param({"path": "/new"}, "route_path", "/new", id="path"),
        pytest.param({"path": ""}, "path", "/", id="empty-path"),
        pytest.param({"path": "/né w"}, "raw_path", b"/n%C3%A9%20w", id="path-encoded-anew"),
        pytest.param({"path": "/a/b", "raw_path": b"/a%2Fb"}, "raw_path", b"/a%2Fb", id="path-with-its-raw-form"),
        pytest.param({"path": "/new", "raw_path": None}, "raw_path", b"/new", id="path-without-raw-form"),
        pytest.param({"headers": [(b"X-New", b"1")]}, "raw_headers", [(b"x-new", b"1")], id="fields"),
        pytest.param({"headers": iter([[b"x-new", b"1"]])}, "raw_headers", [(b"x-new", b"1")], id="fields-of-any-kind"),
    ],
)
def test_what_differs_is_taken_over(changes: dict[str, Any], attribute: str, expected: object) -> None:
    """Each part has its counterpart in the request."""
    request = changed(make_request(app, "GET", "/old?c=d"), **changes)

    assert expected == getattr(request, attribute)


def test_what_follows_from_the_head_is_parsed_anew() -> None:
    """URL, host, cookies, query and credentials are those of the new head."""
    request = make_request(app, "GET", "/old?c=d", headers={"cookie": "e=f", "authorization": "Bearer old"})
    assert all([request.url, request.host, request.cookies, request.query, request.headers, request.authorization])
    changed(
        request,
        path="/new",
        scheme="https",
        query_string=b"x=y",
        headers=[(b"host", b"shop.example"), (b"cookie", b"g=h"), (b"authorization", b"Bearer new")],
    )

    assert ("https://shop.example/new?x=y", "shop.example") == (str(request.url), request.host)
    assert ({"g": "h"}, ["x"]) == (dict(request.cookies), list(request.query))
    assert request.authorization is not None
    assert ("new", "g=h") == (request.authorization.token, request.headers["cookie"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"root_path": "/api"}, ("/api/items", b"/api/items", "/items", "/api"), id="cut-off-before"),
        pytest.param(
            {"root_path": "/api/", "path": "/api/items"},
            ("/api/items", b"/api/items", "/items", "/api"),
            id="part-of-the-path",
        ),
        pytest.param({"root_path": "/api", "path": "/api"}, ("/api", b"/api", "/", "/api"), id="the-whole-path"),
    ],
)
def test_a_root_path_moves_the_application(changes: dict[str, Any], expected: tuple[object, ...]) -> None:
    """What the routes are matched against is behind it, whether the path contains it or not."""
    request = changed(make_request(app, "GET", "/items"), **changes)

    assert expected == (request.path, request.raw_path, request.route_path, request.root_path)


def test_a_mounted_application_keeps_its_prefix() -> None:
    """A new path below the prefix is matched behind it, and the prefix is no part of the root path of the request."""
    request = make_request(app, "GET", "/mounted/old")
    mount: Any = Prefix()
    request.mount = mount
    request.route_path = "/old"
    changed(request, path="/mounted/new")

    assert ("/mounted/new", "/new", "") == (request.path, request.route_path, request.root_path)


def test_a_scope_inherits_from_middleware_further_out() -> None:
    """What that has added is there, its state is shared, and what a request says comes from the request."""
    request = make_request(app, "GET", "/new")
    scope = make_scope(request, {})
    assert scope is inherit(scope, request)

    outer = {**scope, "user": "ann", "path": "/old", "state": {"a": 1}, "extensions": {}}
    request.state.asgi_scope = outer
    inherited = inherit(scope, request)

    assert ("ann", "/new", {}) == (inherited["user"], inherited["path"], inherited["extensions"])
    assert inherited["state"] is outer["state"]
