"""What a foreign application is, told from its shape alone."""

from __future__ import annotations

import functools
import types
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import flask
import pytest
import starlette.applications
import starlette.middleware.gzip

from costrel.app import App
from costrel.app.foreign import is_foreign, kind_of, label_of
from costrel.errors import ConfigurationError
from costrel.mounts import ASGIMount, WSGIMount


async def asgi(scope: Any, receive: Any, send: Any) -> None: ...


def wsgi(environ: Any, start_response: Any) -> Iterable[bytes]:
    return []


def wsgi_with_option(environ: Any, start_response: Any, extra: int = 1) -> Iterable[bytes]:
    return []


def plain_asgi(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
    return asgi(scope, receive, send)


async def configured_asgi(config: str, scope: Any, receive: Any, send: Any) -> None: ...


def configured_wsgi(config: str, environ: Any, start_response: Any) -> Iterable[bytes]:
    return []


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def unmarked(*args: Any) -> Any: ...


async def unmarked_coroutine(*args: Any) -> None: ...


def needs_keyword(environ: Any, start_response: Any, *, config: str) -> None: ...


def factory(config: str | None = None) -> None: ...


def asgi_2(scope: Any) -> Any: ...


class ASGIClass:
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...

    async def method(self, scope: Any, receive: Any, send: Any) -> None: ...


class WSGIClass:
    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return []


class PretendsLater:
    """An object whose attribute says more than its class, as some frameworks set it."""

    def __init__(self) -> None:
        self.__dict__["__call__"] = asgi

    def __call__(self, *args: Any) -> Any: ...


@pytest.mark.parametrize(
    ("application", "expected"),
    [
        pytest.param(asgi, "asgi", id="a-coroutine-function"),
        pytest.param(plain_asgi, "asgi", id="a-function-that-returns-a-coroutine"),
        pytest.param(ASGIClass(), "asgi", id="an-asgi-object"),
        pytest.param(ASGIClass().method, "asgi", id="a-method"),
        pytest.param(unmarked_coroutine, "asgi", id="a-coroutine-function-of-anything"),
        pytest.param(functools.partial(configured_asgi, "x"), "asgi", id="a-partial-of-asgi"),
        pytest.param(functools.partial(functools.partial(configured_asgi), "x"), "asgi", id="a-partial-of-a-partial"),
        pytest.param(decorated(asgi), "asgi", id="a-decorated-asgi-function"),
        pytest.param(decorated(decorated(functools.partial(configured_asgi, "x"))), "asgi", id="all-of-it"),
        pytest.param(PretendsLater(), "asgi", id="an-object-whose-attribute-is-asgi"),
        pytest.param(wsgi, "wsgi", id="a-wsgi-function"),
        pytest.param(wsgi_with_option, "wsgi", id="a-wsgi-function-with-an-option"),
        pytest.param(WSGIClass(), "wsgi", id="a-wsgi-object"),
        pytest.param(functools.partial(configured_wsgi, "x"), "wsgi", id="a-partial-of-wsgi"),
        pytest.param(decorated(wsgi), "wsgi", id="a-decorated-wsgi-function"),
        pytest.param(flask.Flask("shop"), "wsgi", id="flask"),
        pytest.param(flask.Flask("shop").wsgi_app, "wsgi", id="the-inside-of-flask"),
        pytest.param(starlette.applications.Starlette(), "asgi", id="starlette"),
        pytest.param(starlette.middleware.gzip.GZipMiddleware(asgi), "asgi", id="a-middleware-of-starlette"),
        pytest.param(App("shop", extensions=()), "asgi", id="an-app-itself"),
        pytest.param(unmarked, None, id="anything"),
        pytest.param(needs_keyword, None, id="a-keyword-is-needed"),
        pytest.param(factory, None, id="a-factory"),
        pytest.param(asgi_2, None, id="asgi-2"),
        pytest.param(ASGIClass, None, id="a-class"),
        pytest.param(types, None, id="a-module"),
        pytest.param(object(), None, id="nothing-that-can-be-called"),
        pytest.param(print, None, id="a-builtin"),
    ],
)
def test_the_shape_tells_the_kind(application: object, expected: str | None) -> None:
    """By the kind of function and its parameters, through partial functions and decorators."""
    assert expected == kind_of(application)
    assert (expected is not None) is is_foreign(application)


@pytest.mark.parametrize(
    ("application", "said", "fix"),
    [
        pytest.param(ASGIClass, "the class `ASGIClass`", "ASGIClass(…)", id="a-class"),
        pytest.param(types, "the module `types`", "types.app", id="a-module"),
        pytest.param(7, "which is not an application", "a server would be given", id="a-number"),
        pytest.param(factory, "takes one argument", "Call the factory", id="a-factory"),
        pytest.param(asgi_2, "takes one argument", "guarantee_single_callable", id="asgi-2"),
        pytest.param(unmarked, "cannot tell whether", "WSGIMount(application)", id="anything"),
    ],
)
def test_what_cannot_be_told_is_explained(application: Any, said: str, fix: str) -> None:
    """With what it seems to be, and what to write instead."""
    with pytest.raises(ConfigurationError) as caught:
        App("test", extensions=()).mount("/x", application)

    assert "COS-MOUNT-001" == caught.value.code
    assert said in caught.value.mistake.what
    assert fix in caught.value.mistake.fix
    assert "test_foreign.py:" in caught.value.mistake.where


@pytest.mark.parametrize(
    ("application", "expected"),
    [
        pytest.param(ASGIMount(unmarked_coroutine, mode="task"), ("asgi", "task"), id="asgi"),
        pytest.param(WSGIMount(unmarked, threads=3), ("wsgi", "thread"), id="wsgi"),
    ],
)
def test_it_can_be_said_explicitly(application: Any, expected: tuple[str, str]) -> None:
    """An adapter is taken as it is, with what it was made with."""
    app = App("test", extensions=())
    app.mount("/x", application)
    mount = app.mounts["x"]

    assert expected == (mount.kind, mount.mode)
    assert application is mount.adapter
    assert application.application is mount.application


@pytest.mark.parametrize(
    ("application", "options", "said"),
    [
        pytest.param(wsgi, {"mode": "task"}, "`mode='task'` for a WSGI application", id="a-mode-for-wsgi"),
        pytest.param(asgi, {"threads": 4}, "`threads=4` for an ASGI application", id="threads-for-asgi"),
        pytest.param(asgi, {"mode": "fast"}, "`mode='fast'`", id="no-such-mode"),
        pytest.param(wsgi, {"threads": 0}, "`threads=0`", id="no-threads"),
        pytest.param(ASGIMount(asgi), {"mode": "task"}, "beside `ASGIMount(…)`", id="a-mode-beside-an-adapter"),
        pytest.param(WSGIMount(wsgi), {"threads": 1}, "beside `WSGIMount(…)`", id="threads-beside-an-adapter"),
        pytest.param(App("x", extensions=()), {"mode": "task"}, "for an `App`", id="a-mode-for-an-app"),
        pytest.param(App("x", extensions=()), {"threads": 1}, "for an `App`", id="threads-for-an-app"),
        pytest.param(App("x", extensions=()), {"lifespan": False}, "`lifespan=False` for an `App`", id="no-lifespan"),
    ],
)
def test_an_option_for_another_kind_is_refused(application: Any, options: dict[str, Any], said: str) -> None:
    """It would be ignored without a word."""
    with pytest.raises(ConfigurationError) as caught:
        App("test", extensions=()).mount("/x", application, **options)

    assert "COS-MOUNT-002" == caught.value.code
    assert said in caught.value.mistake.what


@pytest.mark.parametrize(
    ("application", "expected"),
    [
        pytest.param(flask.Flask("shop"), "flask.app.Flask", id="an-object"),
        pytest.param(asgi, f"{__name__}.asgi", id="a-function"),
        pytest.param(functools.partial(configured_asgi, "x"), f"{__name__}.configured_asgi", id="a-partial"),
    ],
)
def test_an_application_has_a_label(application: object, expected: str) -> None:
    """Tables and reports name the function or the class."""
    assert expected == label_of(application)
