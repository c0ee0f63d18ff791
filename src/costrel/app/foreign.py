"""Applications of other frameworks: how one is told from another, by its shape and never by its package.

An ASGI 3 application is called with ``scope, receive, send``, a WSGI application with ``environ, start_response``. Who
has written it does not matter. What cannot be told apart is a mistake whose fix is to say it: `ASGIMount` or
`WSGIMount` around the application.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from types import ModuleType
from typing import Any, Literal, Protocol, cast

from costrel.errors import ConfigurationError, Mistake
from costrel.execution import LoopState
from costrel.messages import Request, Response

__all__ = ["ForeignMount", "Kind", "adapter_of", "is_adapter", "is_foreign", "kind_of", "label_of"]

Kind = Literal["asgi", "wsgi"]

_ASGI_COUNT = 3
_WSGI_COUNT = 2
_MAX_WRAPPINGS = 50


class ForeignMount(Protocol):
    """What calls an application of another framework: `ASGIMount` and `WSGIMount` of `costrel.mounts`."""

    @property
    def application(self) -> Any:  # whatever somebody else's framework has made
        """What is called."""
        ...

    @property
    def kind(self) -> str:
        """The interface that it speaks: ``asgi`` or ``wsgi``."""
        ...

    @property
    def mode(self) -> str:
        """How it is driven, in the words of its kind."""
        ...

    @property
    def name(self) -> str:
        """What it is called in logs."""
        ...

    def dispatch(self, request: Request) -> Awaitable[Response]:
        """Answer one request below the prefix; may raise what the application raised before its head."""
        ...

    def lifespan(self, loop_state: LoopState) -> AbstractAsyncContextManager[None]:
        """Start the application on a loop; leaving it stops the application."""
        ...


def is_adapter(value: object) -> bool:
    """Whether it is an `ASGIMount` or `WSGIMount` already."""
    from costrel.mounts import ASGIMount, WSGIMount

    return isinstance(value, ASGIMount | WSGIMount)


def is_foreign(value: object) -> bool:
    """Whether `App.mount` would take a value for an ASGI or WSGI application, an `App` among them."""
    return is_adapter(value) or kind_of(value) is not None


def adapter_of(
    application: Any,  # anything that somebody mounts
    *,
    name: str,
    mode: Literal["trampoline", "task"] | None,
    threads: int | None,
    where: str,
) -> ForeignMount:
    """Return what calls an application.

    Args:
        application: a callable, or an `ASGIMount` or `WSGIMount`, which is returned as it is.
        name: what it is called in logs.
        mode: how an ASGI application is driven, `None` for the default.
        threads: how many threads a WSGI application may occupy, `None` for the default.
        where: the place in the user's code, for messages.

    Raises:
        ConfigurationError: COS-MOUNT-001, it cannot be told what it is; COS-MOUNT-002, an option is not for it.
    """
    from costrel.mounts import ASGIMount, WSGIMount

    if isinstance(application, ASGIMount | WSGIMount):
        for option, value in (("mode", mode), ("threads", threads)):
            if value is not None:
                raise ConfigurationError(_said_twice(option, value, type(application).__name__, where))
        return application
    kind = kind_of(application)
    if kind is None:
        raise ConfigurationError(_unknown_shape(application, where))
    if kind == "asgi":
        if threads is not None:
            raise ConfigurationError(_wrong_option("threads", threads, "an ASGI application", where))
        if mode not in (None, "trampoline", "task"):
            raise ConfigurationError(_wrong_mode(mode, where))
        return ASGIMount(application, mode=mode or "trampoline", name=name)
    if mode is not None:
        raise ConfigurationError(_wrong_option("mode", mode, "a WSGI application", where))
    if threads is not None and threads < 1:
        raise ConfigurationError(_no_threads(threads, where))
    return WSGIMount(application, threads=threads, name=name)


def kind_of(application: object) -> Kind | None:
    """Tell what an application is from what it can be called with; `None` when that cannot be told.

    A coroutine function with three positional parameters is ASGI, and so is a plain function that needs three, for it
    may return what another one makes. One that needs two is WSGI. Partial functions and decorators are looked through.
    """
    if not callable(application) or inspect.isclass(application) or isinstance(application, ModuleType):
        return None
    call = _call_of(application)
    needed, most = _positional_counts(call)
    if _is_coroutine_function(call):
        return "asgi" if needed <= _ASGI_COUNT <= most else None
    if needed == _ASGI_COUNT:
        return "asgi"
    return "wsgi" if needed == _WSGI_COUNT else None


def label_of(application: object) -> str:
    """Return the name of a function, or of the class of an object, with its module: ``flask.app.Flask``."""
    while isinstance(application, functools.partial):
        application = application.func
    named = application if hasattr(application, "__qualname__") else type(application)
    return f"{getattr(named, '__module__', '')}.{getattr(named, '__qualname__', '')}".lstrip(".")


def _call_of(application: Any) -> Callable[..., object]:  # something that can be called
    """Return the function that a call runs; of an object what its attribute says, as servers look at it."""
    if inspect.isroutine(application) or isinstance(application, functools.partial):
        return cast("Callable[..., object]", application)
    return cast("Callable[..., object]", application.__call__)


def _is_coroutine_function(call: Callable[..., object]) -> bool:
    """Whether a call makes a coroutine, also behind decorators that are plain functions and behind bound methods."""
    for _ in range(_MAX_WRAPPINGS):
        if inspect.iscoroutinefunction(call):
            return True
        if isinstance(call, functools.partial):
            call = call.func
            continue
        inner = getattr(call, "__wrapped__", None)
        if inner is None:
            return False
        call = inner
    return False


def _positional_counts(call: Callable[..., object]) -> tuple[int, float]:
    """Return how many positional arguments a call needs, and how many it takes at most."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return 0, 0
    if any(item.kind is item.KEYWORD_ONLY and item.default is item.empty for item in parameters):
        return 0, 0
    positional = [item for item in parameters if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    needed = sum(item.default is item.empty for item in positional)
    takes_any = any(item.kind is item.VAR_POSITIONAL for item in parameters)
    return needed, float("inf") if takes_any else len(positional)


_EXPLICIT = "from costrel.mounts import ASGIMount, WSGIMount\napp.mount(…, WSGIMount(application))"


def _unknown_shape(application: object, where: str) -> Mistake:
    """Say what is wrong with what was given, as far as its shape tells."""
    shown = repr(application)[:200]
    code = "COS-MOUNT-001"
    if isinstance(application, ModuleType):
        return Mistake(
            code,
            f"`mount` was given the module `{application.__name__}`.",
            where,
            "An application is an object in a module.",
            f"Name the object:  app.mount(…, {application.__name__}.app)",
        )
    if inspect.isclass(application):
        name = application.__name__
        return Mistake(
            code,
            f"`mount` was given the class `{name}`.",
            where,
            "An application is an instance. A class that is called with a scope is ASGI 2, which is out of use.",
            f"Make one:  app.mount(…, {name}(…))\n"
            f"or, if it is ASGI 2:  asgiref.compatibility.guarantee_single_callable({name})",
        )
    if not callable(application):
        return Mistake(
            code,
            f"`mount` was given {shown}, which is not an application.",
            where,
            "An application is an `App`, or a callable of ASGI 3 or WSGI.",
            "Give it the object that a server would be given.",
        )
    if _positional_counts(_call_of(application))[1] == 1:
        return Mistake(
            code,
            f"`mount` was given {shown}, which takes one argument.",
            where,
            "ASGI 3 is called with three arguments and WSGI with two. One is a factory, or ASGI 2.",
            "Call the factory:  app.mount(…, make_app(config))\n"
            "or, if it is ASGI 2:  asgiref.compatibility.guarantee_single_callable(application)",
        )
    return Mistake(
        code,
        f"`mount` cannot tell whether {shown} is an ASGI or a WSGI application.",
        where,
        "ASGI is called with `scope, receive, send`, WSGI with `environ, start_response`; "
        "its parameters fit neither alone.",
        f"Say which it is:\n{_EXPLICIT}",
    )


def _wrong_option(option: str, value: object, kind: str, where: str) -> Mistake:
    reasons = {
        "mode": "A mode says how an ASGI application is driven.",
        "threads": "Only a WSGI application occupies a thread while it answers.",
    }
    return Mistake(
        "COS-MOUNT-002",
        f"`mount` was given `{option}={value!r}` for {kind}.",
        where,
        reasons[option],
        f"Leave `{option}` out.",
    )


def _said_twice(option: str, value: object, adapter: str, where: str) -> Mistake:
    return Mistake(
        "COS-MOUNT-002",
        f"`mount` was given `{option}={value!r}` beside `{adapter}(…)`.",
        where,
        f"`{adapter}` has been made, with options of its own.",
        f"Give it there:  {adapter}(application, {option}={value!r})",
    )


def _wrong_mode(mode: object, where: str) -> Mistake:
    return Mistake(
        "COS-MOUNT-002",
        f"`mount` was given `mode={mode!r}`.",
        where,
        "An ASGI application is driven in the request's own task, or in a task of its own.",
        'Write mode="trampoline", which is the default, or mode="task".',
    )


def _no_threads(threads: int, where: str) -> Mistake:
    return Mistake(
        "COS-MOUNT-002",
        f"`mount` was given `threads={threads}`.",
        where,
        "A WSGI application runs in threads, at least one.",
        "Leave `threads` out, or give it 1 or more.",
    )
