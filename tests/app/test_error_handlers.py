"""Which error handler answers, and what it is called with."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest

from costrel.app.error_handlers import ErrorHandlerTable, class_of_status, wrong_error_handlers
from costrel.app.registration import ErrorHandler
from costrel.errors import Conflict, HTTPError, NotFound, UnprocessableContent, ValidationFailed
from costrel.messages import Request
from costrel.testing import make_request


class OrderNotFound(NotFound):
    """An error of an application."""


class Teapot(HTTPError):
    """An error with a status that has no class."""


def handler_named(name: str) -> Callable[[Exception], str]:
    def function(error: Exception) -> str:
        return name

    return function


def table_of(*scopes: dict[int | type[Exception], str]) -> ErrorHandlerTable:
    return ErrorHandlerTable(
        [[ErrorHandler(key, handler_named(name), "") for key, name in scope.items()] for scope in scopes]
    )


def found(table: ErrorHandlerTable, error: Exception) -> str | None:
    handler = table.find(error)
    return None if handler is None else str(handler.function(error))


@pytest.mark.capability("C075")
@pytest.mark.capability("X25")
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(OrderNotFound(), "order", id="own-class-before-its-status"),
        pytest.param(NotFound(), "404", id="status-before-HTTPError"),
        pytest.param(HTTPError(404), "404", id="status-of-an-error-without-class"),
        pytest.param(HTTPError(418), "http", id="HTTPError-for-other-statuses"),
        pytest.param(Conflict(), "conflict", id="class-of-a-status"),
        pytest.param(HTTPError(409), "conflict", id="class-of-a-status-is-the-status"),
        pytest.param(ValidationFailed([]), "validation", id="validation-before-its-status"),
        pytest.param(KeyError("x"), "lookup", id="nearest-ancestor"),
        pytest.param(ZeroDivisionError(), "any", id="Exception-for-the-rest"),
    ],
)
def test_the_most_specific_key_wins_in_every_order(error: Exception, expected: str) -> None:
    """The order of registration never matters."""
    keys: dict[int | type[Exception], str] = {
        OrderNotFound: "order",
        404: "404",
        HTTPError: "http",
        Conflict: "conflict",
        ValidationFailed: "validation",
        LookupError: "lookup",
        Exception: "any",
    }

    results = {
        found(table_of(dict(items)), error) for items in [list(keys.items()), list(reversed(list(keys.items())))]
    }

    assert {expected} == results


@pytest.mark.capability("C076")
@pytest.mark.parametrize("order", list(permutations([NotFound, 404], 2)))
def test_of_equal_keys_the_innermost_scope_wins(order: tuple[int | type[Exception], ...]) -> None:
    """A status and its class are one key, so a blueprint's 404 comes before the app's `NotFound`."""
    table = table_of({order[0]: "blueprint"}, {order[1]: "app"})

    assert "blueprint" == found(table, NotFound())


def test_the_handler_of_the_blueprint_comes_before_a_more_specific_one_of_the_app() -> None:
    """The scope is asked first, the class within it second, as in Flask."""
    assert "blueprint" == found(table_of({Exception: "blueprint"}, {KeyError: "app"}), KeyError("x"))


def test_a_handler_for_the_status_comes_before_one_for_a_class_without_status() -> None:
    """A status of the app wins over `Exception` of the blueprint, as in Flask."""
    assert "app" == found(table_of({Exception: "blueprint"}, {404: "app"}), NotFound())


def test_nothing_answers_what_nobody_wants() -> None:
    """A table without a key for an error finds none."""
    assert found(table_of({404: "x"}), ValueError()) is None


@pytest.mark.parametrize(("status_code", "expected"), [(404, NotFound), (422, UnprocessableContent), (418, HTTPError)])
def test_a_status_has_a_class(status_code: int, expected: type[HTTPError]) -> None:
    """Statuses without a class of their own are `HTTPError`."""
    assert expected is class_of_status(status_code)


def no_arguments() -> str: ...
def only_error(error): ...
def error_by_type(problem: KeyError): ...
def error_by_union(problem: KeyError | ValueError): ...
def only_request(request): ...
def request_by_type(r: Request): ...
def request_first(request, error): ...
def request_last(error: Exception, request: Request): ...
def two_unnamed(a, b): ...
def with_default(error, more=1, *args, **kwargs): ...
def unresolvable(error): ...


unresolvable.__annotations__["error"] = "Missing"


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(no_arguments, (), id="nothing"),
        pytest.param(only_error, ("error",), id="error"),
        pytest.param(error_by_type, ("error",), id="error-by-type"),
        pytest.param(error_by_union, ("error",), id="error-by-union"),
        pytest.param(only_request, ("request",), id="request"),
        pytest.param(request_by_type, ("request",), id="request-by-type"),
        pytest.param(request_first, ("request", "error"), id="request-first"),
        pytest.param(request_last, ("error", "request"), id="request-last"),
        pytest.param(two_unnamed, ("request", "error"), id="two-without-names-as-in-Starlette"),
        pytest.param(with_default, ("error",), id="defaults-stay"),
        pytest.param(unresolvable, ("error",), id="an-annotation-that-cannot-be-read"),
        pytest.param(RuntimeError, ("error",), id="a-builtin-without-signature"),
    ],
)
def test_a_handler_takes_error_and_request(function: Callable[..., object], expected: tuple[str, ...]) -> None:
    """Both are optional and in any order; annotations and names say which is which."""
    from costrel.app import App

    handler = ErrorHandlerTable([[ErrorHandler(KeyError, function, "")]]).find(KeyError("x"))
    request = make_request(App("test", extensions=()), "GET", "/")
    error = KeyError("x")

    assert handler is not None
    assert expected == handler.takes
    assert tuple({"error": error, "request": request}[name] for name in expected) == handler.arguments(error, request)


class AsyncCallable:
    async def __call__(self, error: Exception) -> None: ...


async def coroutine(error: Exception) -> None: ...


@pytest.mark.parametrize(("function", "expected"), [(coroutine, True), (AsyncCallable(), True), (only_error, False)])
def test_an_async_handler_is_known_before_it_is_called(function: Callable[..., object], expected: bool) -> None:
    """Only a ``def`` goes to a thread."""
    handler = ErrorHandlerTable([[ErrorHandler(500, function, "")]]).find(HTTPError(500))

    assert handler is not None
    assert expected is handler.is_async


def takes_a_service(error: KeyError, db: dict): ...
def takes_three(a, b, c): ...


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        pytest.param(ErrorHandler(200, only_error, "a.py:1"), ["COS-APP-022"], id="a-status-that-is-no-error"),
        pytest.param(ErrorHandler("404", only_error, "a.py:1"), ["COS-APP-022"], id="text"),
        pytest.param(ErrorHandler(BaseException, only_error, "a.py:1"), ["COS-APP-022"], id="no-Exception"),
        pytest.param(ErrorHandler(404, takes_a_service, "a.py:1"), ["COS-APP-036"], id="a-service"),
        pytest.param(ErrorHandler(404, takes_three, "a.py:1"), ["COS-APP-036"], id="three-parameters"),
        pytest.param(ErrorHandler(404, only_error, "a.py:1"), [], id="a-good-one"),
    ],
)
def test_wrong_handlers_are_found_at_build(handler: ErrorHandler, expected: list[str]) -> None:
    """A handler that can never be called is a mistake at start, with its line."""
    mistakes = wrong_error_handlers([handler])

    assert expected == [mistake.code for mistake in mistakes]
    assert all("a.py:1" == mistake.where for mistake in mistakes)
