"""An exception as plain values: what happened, what led to it, and how to say it as text.

`describe_exception` reads the exception once; the page, the JSON variant and the text to copy are all made of the
result.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from costrel.errors import Mistake
from costrel.pages.frames import Frame, read_frames
from costrel.pages.secrecy import hide_credentials

__all__ = ["ErrorReport", "describe_exception", "format_report"]

MAX_LINKS = 8
MAX_MEMBERS = 5
MAX_MESSAGE = 4000

_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """One exception.

    Args:
        type_name: its class.
        module: of the class, empty for Python's own.
        message: its text; empty when it has none.
        frames: the oldest call first.
        notes: what was added to it (PEP 678).
        mistake: what it says of itself when it is a mistake in the use of Costrel.
        members: those of an exception group.
        earlier: the exception that led to it, `None` for the first.
        is_cause: whether `earlier` was named with ``raise … from``.
    """

    type_name: str
    module: str
    message: str
    frames: tuple[Frame, ...]
    notes: tuple[str, ...] = ()
    mistake: Mistake | None = None
    members: tuple[ErrorReport, ...] = ()
    earlier: ErrorReport | None = None
    is_cause: bool = False

    @property
    def qualified_name(self) -> str:
        """Module and class, as tracebacks have it."""
        return f"{self.module}.{self.type_name}" if self.module else self.type_name

    def chain(self) -> Iterator[ErrorReport]:
        """Yield this one and what led to it, the last first."""
        report: ErrorReport | None = self
        while report is not None:
            yield report
            report = report.earlier


def describe_exception(exception: BaseException) -> ErrorReport:
    """Read an exception, those that led to it, and the members of a group, as far as there is room for them."""
    return _describe(exception, frozenset(), MAX_LINKS)


def _describe(exception: BaseException, seen: frozenset[int], links: int) -> ErrorReport:
    seen = seen | {id(exception)}
    cause = exception.__cause__
    earlier = cause if cause is not None or exception.__suppress_context__ else exception.__context__
    shows_earlier = earlier is not None and id(earlier) not in seen and links > 0
    class_ = type(exception)
    members: Sequence[BaseException] = exception.exceptions if isinstance(exception, BaseExceptionGroup) else ()
    return ErrorReport(
        type_name=class_.__qualname__,
        module="" if class_.__module__ in ("builtins", "__main__") else class_.__module__,
        message=_message_of(exception),
        frames=read_frames(exception.__traceback__),
        notes=tuple(str(note)[:MAX_MESSAGE] for note in getattr(exception, "__notes__", ())),
        mistake=_mistake_of(exception),
        members=tuple(_describe(member, seen, 0) for member in members[:MAX_MEMBERS] if id(member) not in seen),
        earlier=_describe(earlier, seen, links - 1) if earlier is not None and shows_earlier else None,
        is_cause=earlier is cause,
    )


def _mistake_of(exception: BaseException) -> Mistake | None:
    """Return what an exception of ours says in parts; its text says the same in one piece."""
    try:
        found = getattr(exception, "mistake", None)
    except Exception:
        return None
    return found if isinstance(found, Mistake) else None


def _message_of(exception: BaseException) -> str:
    try:
        return hide_credentials(str(exception)[:MAX_MESSAGE])
    except Exception as error:
        return f"<its text cannot be shown: {type(error).__name__}>"


def format_report(report: ErrorReport) -> str:
    """Return the text that Python prints for it, the first exception first; without variables."""
    parts: list[str] = []
    chain = list(report.chain())
    for index in range(len(chain) - 1, -1, -1):
        parts.append(_format_one(chain[index]))
        if index:
            parts.append(_CAUSE if chain[index - 1].is_cause else _CONTEXT)
    return "\n\n".join(parts)


def _format_one(report: ErrorReport) -> str:
    lines = ["Traceback (most recent call last):"] if report.frames else []
    for frame in report.frames:
        if frame.left_out:
            lines.append(f"  … {frame.left_out} calls left out …")
        lines.append(f'  File "{frame.path}", line {frame.line_number}, in {frame.function}')
        lines.extend(f"    {line.text.strip()}" for line in frame.source if line.is_current)
        if frame.repeated > 1:
            lines.append(f"  … and {frame.repeated - 1} times the same …")
    message = report.message
    lines.append(f"{report.qualified_name}: {message}" if message else report.qualified_name)
    lines.extend(report.notes)
    for number, member in enumerate(report.members, 1):
        lines.append(f"  {number} of the group:")
        lines.extend(f"    {line}" for line in _format_one(member).splitlines())
    return "\n".join(lines)
