"""Sentences for mistakes that everybody makes once: what an exception of Python or of a library means here.

What Costrel raises explains itself. These are for what comes from elsewhere. A hint is a guess from the type and the
text of an exception, so it says what is likely, and only developers see it: on the debug page, and in the terminal
when an application cannot start.
"""

from __future__ import annotations

import builtins
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from types import FrameType

from costrel.errors import explain_foreign_name, is_foreign_name
from costrel.messages import explain_foreign_option

__all__ = ["find_hints"]

logger: logging.Logger = logging.getLogger("costrel.pages")

_MAX_NAMES = 2000
_UNEXPECTED = re.compile(r"^(?:(\w{1,80})\.)?(\w{1,80})\(\) got an unexpected keyword argument '(\w{1,80})'")


@dataclass(frozen=True, slots=True)
class Hint:
    """What to say about one kind of exception.

    Args:
        types: names of the class or of one of its bases.
        pattern: what the message has; groups are put into the text.
        text: what is shown; ``{0}`` is the first group.
    """

    types: tuple[str, ...]
    pattern: re.Pattern[str]
    text: str


def _hint(types: str, pattern: str, text: str) -> Hint:
    return Hint(tuple(types.split()), re.compile(pattern), text)


_HINTS = (
    _hint(
        "TypeError",
        r"object (?:JSONReader|dict|list|str|bytes|NoneType|MultiDict|FormData) can't be used in 'await' expression",
        "Nothing has to be awaited here: the body was read before the handler was called, so `request.json()`, "
        "`request.form`, `request.body`, `request.text` and what an `UploadFile` reads are plain values in Costrel.",
    ),
    _hint(
        "AttributeError TypeError",
        r"'coroutine' object (?:has no attribute|is not|does not support|cannot)",
        "An `await` is missing: the call returned a coroutine, and what was meant is its result.",
    ),
    _hint(
        "TypeError",
        r"'async_generator' object is not iterable",
        "Write `async for` instead of `for`.",
    ),
    _hint(
        "AttributeError TypeError",
        r"'NoneType' object (?:has no attribute|is not)",
        "The value before the dot or the bracket is `None`. Look where it comes from: a query that found nothing, a "
        "`get` without a default, a function without `return`.",
    ),
    _hint(
        "TypeError",
        r"'ABCMeta|'type' object is not subscriptable|'method' object is not subscriptable|"
        r"'function' object is not subscriptable",
        "The brackets may stand where parentheses were meant, or an attribute was taken for a call.",
    ),
    _hint(
        "RuntimeError",
        r"asyncio\.run\(\) cannot be called from a running event loop|This event loop is already running",
        "An event loop runs already. In an `async def` handler just `await` the coroutine.",
    ),
    _hint(
        "RuntimeError",
        r"no (?:running|current) event loop",
        "A `def` handler runs in a worker thread, where no event loop is. Make the handler `async def`.",
    ),
    _hint(
        "RuntimeError",
        r"[Ww]orking outside of (?:application|request) context",
        "This comes from Flask's own context, which a Costrel handler does not have. Use `costrel.request`, "
        "`costrel.g` and `costrel.current_app` instead of those of Flask.",
    ),
    _hint(
        "UndefinedError",
        r"'([^']{1,80})' is undefined",
        'The template names `{0}`, and nobody has given it that: `render("page.html", {0}=…)`, or a context processor.',
    ),
    _hint(
        "TemplateAssertionError TemplateSyntaxError",
        r"No (?:filter|test) named '([^']{1,80})'",
        'Register it: `@app.template_filter("{0}")` or `@app.template_test("{0}")`.',
    ),
    _hint(
        "MissingGreenlet",
        r"",
        "SQLAlchemy wanted to load something in an `async` session where it cannot wait: most often a relationship "
        "that was not loaded with the query. Load it there with `selectinload(…)`, and make the session with "
        "`expire_on_commit=False`.",
    ),
    _hint(
        "DetachedInstanceError",
        r"",
        "The database session was closed before this attribute was loaded. Load it with the query (`selectinload(…)`), "
        "or read it while the session is open.",
    ),
    _hint(
        "OperationalError ProgrammingError",
        r"no such table|no such column|relation \"[^\"]{1,80}\" does not exist|[Uu]nknown column",
        "The database has not the shape that the models have. Run the migrations that are missing.",
    ),
    _hint(
        "OperationalError",
        r"database is locked",
        "Another connection is writing to this SQLite file. Keep transactions short, and turn on WAL mode.",
    ),
    _hint(
        "ConnectionRefusedError OperationalError ConnectionError",
        r"[Cc]onnection refused|Connect call failed|could not connect to server",
        "Nothing listens at that address. Is the service (database, cache, other API) running, and is its port right?",
    ),
    _hint(
        "ModuleNotFoundError",
        r"No module named '([^']{1,80})'",
        "`{0}` is not installed in the environment that runs the application, or its name is misspelt.",
    ),
    _hint(
        "ImportError",
        r"partially initialized module",
        "Two modules import each other. Move what both need into a third, or register blueprints where the app is "
        "made.",
    ),
    _hint(
        "UnboundLocalError",
        r"variable '([^']{1,80})'",
        "`{0}` is assigned somewhere in this function, which makes it local everywhere in it. Say `global {0}` or "
        "`nonlocal {0}`, or use another name.",
    ),
    _hint(
        "TypeError",
        r"missing \d+ required positional arguments?: 'self'",
        "The class itself was used where an object of it is needed. Make one first, or register it with "
        "`add_resource`.",
    ),
    _hint(
        "RecursionError",
        r"",
        "A function calls itself without an end, often through a property, `__getattr__` or `__eq__`.",
    ),
    _hint(
        "UnicodeDecodeError",
        r"",
        "The bytes are not text in this encoding. Say the right one, or treat them as bytes.",
    ),
    _hint(
        "JSONDecodeError",
        r"Expecting value: line 1 column 1",
        "The text is empty or is no JSON at all, for example an error page of the service that was asked.",
    ),
)


def _last_frame(exception: BaseException) -> FrameType | None:
    """Return the frame that raised it."""
    traceback = exception.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame if traceback is not None else None


def _about_environment(exception: KeyError) -> Iterator[str]:
    """Explain a variable that is missing in `os.environ`."""
    frame = _last_frame(exception)
    if frame is not None and frame.f_code.co_qualname == "_Environ.__getitem__":
        yield (
            f"The environment variable `{exception.args[0]}` is not set. A class derived from `costrel.Settings` "
            "finds all missing ones at start-up, not when they are used."
        )


def _about_path(exception: FileNotFoundError) -> Iterator[str]:
    """Say where a relative path was looked for."""
    name = exception.filename
    if isinstance(name, str) and name and not Path(name).is_absolute():
        yield (
            f"`{name}` is a relative path, so it was looked for in the working directory, `{Path.cwd()}`. "
            "Paths that belong to the application are found from `Path(__file__).parent`."
        )


def _about_name(exception: NameError) -> Iterator[str]:
    """Offer a variable with nearly the name."""
    frame = _last_frame(exception)
    if frame is not None:
        yield from _nearest(exception.name, [*frame.f_locals, *frame.f_globals, *dir(builtins)])


def _about_attribute(exception: AttributeError) -> Iterator[str]:
    """Offer an attribute with nearly the name."""
    if exception.obj is not None:
        yield from _nearest(exception.name, dir(exception.obj))


def _about_import(exception: ImportError) -> Iterator[str]:
    """Offer a name of the module with nearly the name."""
    module = sys.modules.get(exception.name or "")
    match = re.match(r"cannot import name '([^']{1,80})'", str(exception))
    if module is None or match is None:
        return
    if is_foreign_name(module.__name__, match[1]):
        yield explain_foreign_name(module.__name__, match[1])
    else:
        yield from _nearest(match[1], dir(module))


def _about_keyword(exception: TypeError) -> Iterator[str]:
    """Say what an argument of another framework is called here."""
    match = _UNEXPECTED.search(str(exception))
    if match is not None:
        explained = explain_foreign_option(match[1] if match[2] == "__init__" else match[2], match[3])
        if explained is not None:
            yield f"{explained[0].upper()}{explained[1:]}."


def _nearest(name: str | None, known: Iterable[str]) -> Iterator[str]:
    for near in get_close_matches((name or "")[:100], set(islice(known, _MAX_NAMES)), n=1, cutoff=0.7):
        yield f"Did you mean `{near}`?"


def _by_rule(exception: BaseException) -> Iterator[str]:
    """Give the hints that need more than the message."""
    if isinstance(exception, KeyError):
        yield from _about_environment(exception)
    elif isinstance(exception, FileNotFoundError):
        yield from _about_path(exception)
    elif isinstance(exception, NameError):
        yield from _about_name(exception)
    elif isinstance(exception, AttributeError):
        yield from _about_attribute(exception)
    elif isinstance(exception, ImportError):
        yield from _about_import(exception)
    elif isinstance(exception, TypeError):
        yield from _about_keyword(exception)


def find_hints(exception: BaseException) -> tuple[str, ...]:
    """Return what may help with an exception, most often nothing; backticks stand around code."""
    found: list[str] = []
    try:
        message = str(exception)[:1000]
        found.extend(hint.text.format(*match.groups()) for hint, match in _matching(exception, message))
        found.extend(_by_rule(exception))
    except Exception:
        # SECURITY: the exception and its objects are anybody's code, and a hint is not worth a broken page.
        logger.debug("hint_failed exception=%s", type(exception).__name__)
    return tuple(dict.fromkeys(found))


def _matching(exception: BaseException, message: str) -> Iterator[tuple[Hint, re.Match[str]]]:
    names = {ancestor.__name__ for ancestor in type(exception).__mro__}
    for hint in _HINTS:
        if not names.isdisjoint(hint.types) and (match := hint.pattern.search(message)) is not None:
            yield hint, match
