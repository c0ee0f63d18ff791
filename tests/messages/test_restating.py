"""A head or a body that was changed on the way to the application."""

from __future__ import annotations

import asyncio

import pytest

from costrel.app import App
from costrel.errors import HTTPError
from costrel.messages import forget_parsed, read_again_from
from costrel.testing import make_request
from costrel.testing.exchange import DetachedExchange

FORM = {"content-type": "application/x-www-form-urlencoded"}


def test_a_changed_head_is_parsed_anew() -> None:
    """What was asked for before does not stay, and what was not is nothing to forget."""
    request = make_request(App("x"), "GET", "/?a=1")
    assert ("1", "localhost") == (request.query["a"], request.headers["host"])
    request.query_string, request.raw_headers = b"a=2", [(b"host", b"b.example")]
    forget_parsed(request)
    forget_parsed(request)

    assert ("2", "b.example") == (request.query["a"], request.headers["host"])


def test_a_body_is_read_again_from_elsewhere() -> None:
    """Content and form are those of the new body."""
    request = make_request(App("x"), "POST", "/", headers=FORM, content=b"a=1")
    asyncio.run(request.read())
    assert "1" == request.form["a"]
    read_again_from(request, DetachedExchange(b"a=2", None))
    asyncio.run(request.read())

    assert ("2", b"a=2") == (request.form["a"], request.body)


def test_a_body_that_could_not_be_read_is_not_read_again() -> None:
    """What is left of it must not be taken for all of it."""
    request = make_request(App("x"), "POST", "/", content=b"12345")
    read_again_from(request, DetachedExchange(b"12345", None))
    request.max_body_bytes = 3
    with pytest.raises(HTTPError):
        asyncio.run(request.read())
    read_again_from(request, DetachedExchange(b"45", None))

    with pytest.raises(HTTPError):
        asyncio.run(request.read())
