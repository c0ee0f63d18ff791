"""Reading the signature of a user's function: the one place where annotations are looked at.

A `Signature` lists the parameters with their resolved types, their markers taken apart, and the colour of the function.
Decorated functions are followed through ``__wrapped__`` for the signature, never for the call. What a parameter
means is decided in `plan`.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from costrel.errors import Mistake
from costrel.handling.markers import UNSET, DependsMarker, Marker, ValueMarker

__all__ = [
    "Colour",
    "Parameter",
    "Signature",
    "name_of",
    "path_annotations",
    "read_signature",
    "strip_annotated",
    "strip_optional",
    "where_of",
]

_CALL_KINDS = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Colour(Enum):
    """How a function is called."""

    SYNC = "sync"
    """A ``def``: it may block, so it runs in a worker thread."""
    ASYNC = "async"
    """An ``async def``: awaited on the loop."""
    MAYBE_ASYNC = "maybe-async"
    """A sync wrapper around an ``async def``: called on the loop, and the result awaited if it can be."""
    SYNC_GENERATOR = "sync-generator"
    """A generator function: the call itself runs nothing."""
    ASYNC_GENERATOR = "async-generator"
    """An async generator function: the call itself runs nothing."""
    CLASS = "class"
    """A class: a constructor, called wherever the plan is."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function, with its annotation taken apart.

    Args:
        name: its name.
        annotation: its type without markers; `UNSET` when there is none. Other metadata stay in ``Annotated``.
        marker: its marker, or `None`.
        default: its default, `UNSET` when it is required.
        by_keyword: whether it is passed by keyword.
        is_rest: whether it is the ``**kwargs`` of the function.
    """

    name: str
    annotation: object
    marker: Marker | None
    default: object
    by_keyword: bool = False
    is_rest: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """What is to know of a function before it is called.

    Args:
        function: the function as it will be called.
        name: its qualified name, for messages.
        where: file and line of its definition, empty when unknown.
        colour: how it is called.
        parameters: in the order of its signature.
        returns: the annotation of its return value, `UNSET` when there is none.
    """

    function: Callable[..., object]
    name: str
    where: str
    colour: Colour
    parameters: tuple[Parameter, ...]
    returns: object


def name_of(function: Callable[..., object]) -> str:
    """Return a name for messages, for example ``list_orders`` or ``Users.get``."""
    target = function.func if isinstance(function, partial) else function
    name = getattr(target, "__qualname__", None) or type(target).__qualname__
    return str(name).rpartition("<locals>.")[2]


def where_of(function: Callable[..., object]) -> str:
    """Return file and line of a definition, for example ``shop/orders.py:41``; empty when unknown."""
    target = _definition_of(function)
    code = getattr(target, "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    try:
        return f"{inspect.getsourcefile(target)}:{inspect.getsourcelines(target)[1]}"
    except (OSError, TypeError):
        return ""


def strip_annotated(annotation: object) -> object:
    """Return a type without the metadata of ``Annotated``."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def strip_optional(annotation: object) -> object:
    """Return ``X`` for ``X | None``, and any other type as it is."""
    bare = strip_annotated(annotation)
    if get_origin(bare) in (Union, types.UnionType):
        members = [member for member in get_args(bare) if member is not type(None)]
        if len(members) == 1:
            return members[0]
    return annotation


def path_annotations(function: Callable[..., object], names: Sequence[str]) -> dict[str, object]:
    """Return the types of those parameters of a handler that are in `names`, for the converters they imply.

    Args:
        function: the handler.
        names: the parameters of its pattern.

    Returns:
        The types without metadata; a parameter without a readable annotation is left out.
    """
    signature, _ = read_signature(function)
    if signature is None:
        return {}
    found: dict[str, object] = {}
    for parameter in signature.parameters:
        if parameter.name in names and parameter.annotation is not UNSET and parameter.marker is None:
            found[parameter.name] = strip_annotated(parameter.annotation)
    return found


def read_signature(
    function: Callable[..., object], where: str = "", *, with_return: bool = True
) -> tuple[Signature | None, list[Mistake]]:
    """Read the signature of a function, method, class, partial or object with ``__call__``.

    Args:
        function: what will be called.
        where: the place to name in a mistake, when it is better known than the definition's.
        with_return: whether the return annotation matters; only a handler's does.

    Returns:
        The signature and no mistakes, or `None` and the mistakes.
    """
    name = name_of(function)
    where = where or where_of(function)
    try:
        raw = inspect.signature(function)
    except (ValueError, TypeError):
        return None, [
            Mistake(
                "COS-HANDLER-002",
                f"The signature of `{name}` cannot be read.",
                where,
                why="A handler, hook or provider must be a Python callable whose parameters are known.",
                fix=f"Wrap it in a function:      def call(...): return {name}(...)",
            )
        ]
    definition = _definition_of(function)
    try:
        hints = _resolve_hints(definition, with_return)
    except NameError as error:
        missing = error.name or str(error)
        return None, [
            Mistake(
                "COS-HANDLER-001",
                f"The annotations of `{name}` use the name `{missing}`, which does not exist at run time.",
                where,
                why="Costrel reads the annotations when the application is built.",
                fix=f"Import `{missing}` outside of `if TYPE_CHECKING:`, or correct its spelling.",
            )
        ]
    except Exception as error:
        return None, [
            Mistake(
                "COS-HANDLER-001",
                f"The annotations of `{name}` cannot be evaluated: {type(error).__name__}: {error}.",
                where,
                why="Costrel reads the annotations when the application is built.",
                fix="Write annotations that are valid expressions.",
            )
        ]
    is_wrapped = definition is not _unwrap_call(function)
    parameters: list[Parameter] = []
    mistakes: list[Mistake] = []
    for entry in raw.parameters.values():
        if entry.kind is inspect.Parameter.VAR_POSITIONAL:
            continue
        parameter, mistake = _read_parameter(entry, hints, is_wrapped, name, where)
        parameters.append(parameter)
        if mistake is not None:
            mistakes.append(mistake)
    if mistakes:
        return None, mistakes
    returns = hints.get("return", UNSET if raw.return_annotation is inspect.Signature.empty else raw.return_annotation)
    return Signature(function, name, where, _colour_of(function), tuple(parameters), returns), []


def _read_parameter(
    entry: inspect.Parameter, hints: dict[str, Any], is_wrapped: bool, name: str, where: str
) -> tuple[Parameter, Mistake | None]:
    annotation = hints.get(entry.name, UNSET if entry.annotation is inspect.Parameter.empty else entry.annotation)
    default = UNSET if entry.default is inspect.Parameter.empty else entry.default
    markers: list[Marker] = []
    if get_origin(annotation) is Annotated:
        bare, *metadata = get_args(annotation)
        markers = [marker for item in metadata if (marker := _as_marker(item)) is not None]
        others = [item for item in metadata if _as_marker(item) is None]
        annotation = Annotated[(bare, *others)] if others else bare
    if isinstance(default, ValueMarker | DependsMarker):
        markers.append(default)
        default = UNSET
    marker = markers[0] if markers else None
    if isinstance(marker, ValueMarker) and default is UNSET:
        default = marker.default
    mistake = None
    if len(markers) > 1:
        mistake = Mistake(
            "COS-HANDLER-003",
            f"Parameter `{entry.name}` of `{name}` has {len(markers)} markers.",
            where,
            why="A value comes from one place.",
            fix="Keep one of them.",
        )
    by_keyword = entry.kind not in _CALL_KINDS or (is_wrapped and entry.kind is not inspect.Parameter.POSITIONAL_ONLY)
    is_rest = entry.kind is inspect.Parameter.VAR_KEYWORD
    return Parameter(entry.name, annotation, marker, default, by_keyword, is_rest), mistake


def _as_marker(item: object) -> Marker | None:
    """Return a marker from the metadata of an annotation; a marker's class stands for one without arguments."""
    if isinstance(item, ValueMarker | DependsMarker):
        return item
    if isinstance(item, type) and issubclass(item, ValueMarker | DependsMarker):
        return item()
    return None


def _resolve_hints(definition: Any, with_return: bool) -> dict[str, Any]:  # a function or class of any shape
    """Evaluate the annotations of a definition in its own module; names of its enclosing function count too."""
    if isinstance(definition, type):
        initialiser = inspect.getattr_static(definition, "__init__")
        if not inspect.isfunction(initialiser):
            return get_type_hints(definition, include_extras=True)
        hints = _resolve_hints(initialiser, with_return=False)
        if not initialiser.__annotations__ or set(hints) <= {"return"}:
            hints = {**get_type_hints(definition, include_extras=True), **hints}
        return hints
    if not inspect.isfunction(definition):
        return get_type_hints(definition, include_extras=True)
    annotations = dict(definition.__annotations__)
    if not with_return:
        annotations.pop("return", None)
    cells = zip(definition.__code__.co_freevars, definition.__closure__ or (), strict=False)
    enclosing = {name: cell.cell_contents for name, cell in cells if _is_set(cell)}
    shim = types.SimpleNamespace(__annotations__=annotations)
    return get_type_hints(shim, definition.__globals__, enclosing, include_extras=True)


def _is_set(cell: types.CellType) -> bool:
    """Whether the variable of an enclosing function has been assigned."""
    return cell != types.CellType()


def _unwrap_call(function: object) -> object:
    """Return what runs when the callable is called: through partials, bound methods and ``__call__``."""
    while isinstance(function, partial):
        function = function.func
    if inspect.ismethod(function):
        return function.__func__
    if not inspect.isroutine(function) and not isinstance(function, type) and callable(function):
        call = type(function).__call__
        return _unwrap_call(call) if inspect.isfunction(call) or inspect.ismethod(call) else call
    return function


def _definition_of(function: object) -> Any:  # a function or class of any shape
    """Return the innermost definition: through partials, ``__call__`` and the ``__wrapped__`` of decorators."""
    return _layers_of(function)[-1]


def _layers_of(function: object) -> list[Any]:  # functions and classes of any shape
    """Return what a decorated function consists of, from the outermost decorator's wrapper to the definition."""
    layers = [_unwrap_call(function)]
    while hasattr(layers[-1], "__wrapped__") and len(layers) <= 100:
        layers.append(_unwrap_call(layers[-1].__wrapped__))
    return layers


def _colour_of(function: Callable[..., object]) -> Colour:
    call = _unwrap_call(function)
    if isinstance(call, type):
        return Colour.CLASS
    if inspect.iscoroutinefunction(call):
        return Colour.ASYNC
    if inspect.isasyncgenfunction(call):
        return Colour.ASYNC_GENERATOR
    if inspect.isgeneratorfunction(call):
        return Colour.SYNC_GENERATOR
    # Any of them may be handed back by those around it, the wrapper of an asynchronous decorator too.
    if any(inspect.iscoroutinefunction(layer) or inspect.isasyncgenfunction(layer) for layer in _layers_of(function)):
        return Colour.MAYBE_ASYNC
    return Colour.SYNC
