"""The debug page: an exception with its source and variables, the request, and what may help.

It shows and does nothing else: no console, nothing is evaluated, no form, and by its policy no script but its own. Who
may see it is decided in `audience`.

From the top: what happened, what may help, the application's own calls (open) between those of others (folded), the
exceptions before it, the request, and all of it as text to copy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import groupby

from costrel.messages import Request, Response
from costrel.pages.editors import editor_link
from costrel.pages.facts import Section, describe_request
from costrel.pages.frames import Frame, Origin, SourceLine
from costrel.pages.hints import find_hints
from costrel.pages.markup import Content, Markup, content_security_policy, document, read_asset, tag, with_code
from costrel.pages.report import ErrorReport, describe_exception, format_report
from costrel.version import __version__

__all__ = ["make_debug_members", "make_debug_page"]

TRACE_VARIABLE = "COSTREL_TRACE"
EDITOR_VARIABLE = "COSTREL_EDITOR"
MAX_OPEN = 2
"""Of how many exceptions of a chain the last call of the application's own is shown open."""


def make_debug_members(exception: BaseException) -> dict[str, object]:
    """Return what a problem document has more in debug mode: the exception, its traceback as lines, and hints."""
    report = describe_exception(exception)
    members: dict[str, object] = {
        "exception": f"{report.qualified_name}: {report.message}",
        "traceback": format_report(report).splitlines(),
    }
    hints = find_hints(exception)
    if hints:
        members["hints"] = list(hints)
    return members


def make_debug_page(request: Request, exception: BaseException, status_code: int) -> Response:
    """Make the page about an exception that nobody handled."""
    report = describe_exception(exception)
    style, script = read_asset("debug_page.css"), read_asset("debug_page.js")
    body = [
        _bar(request),
        tag(
            "main",
            _heading(report),
            _help(report, find_hints(exception)),
            [_exception(link, position) for position, link in enumerate(report.chain())],
            _facts(describe_request(request)),
            _as_text(request, report),
        ),
    ]
    title = f"{report.type_name}: {report.message.partition(chr(10))[0][:120]}"
    page = Response(document(title, body, style=style, script=script), status_code)
    page.media_type = "text/html; charset=utf-8"
    page.headers["x-content-type-options"] = "nosniff"
    page.headers["cache-control"] = "no-store"
    page.headers["referrer-policy"] = "no-referrer"
    page.headers["content-security-policy"] = content_security_policy(style=style, script=script)
    return page


def _bar(request: Request) -> Markup:
    return tag(
        "header",
        tag("b", "costrel", class_="brand"),
        tag("span", tag("b", request.method), f" {request.path[:300]}", class_="target"),
        tag("button", "Show all calls", type="button", id="unfold", hidden=True),
        tag("button", "Copy as text", type="button", id="copy", hidden=True),
    )


def _heading(report: ErrorReport) -> Markup:
    module = f"{report.module}." if report.module else ""
    what = report.mistake.what if report.mistake is not None else report.message.partition("\n")[0]
    code = tag("span", report.mistake.code, class_="code") if report.mistake is not None else None
    return tag(
        "section",
        tag("p", code, module, tag("b", report.type_name), class_="type"),
        tag("h1", with_code(what or report.type_name), class_="long" if len(what) > 160 else ""),
        class_="heading",
    )


def _help(report: ErrorReport, hints: Sequence[str]) -> Markup | None:
    """Show what Costrel says of its own errors, what was added to the exception, and guesses."""
    parts: list[Content] = []
    mistake = report.mistake
    if mistake is not None:
        if mistake.where:
            parts.append(tag("p", "At ", tag("code", mistake.where), "."))
        parts.append(_laid_out(mistake.why) if mistake.why else None)
        parts.append(_laid_out(mistake.fix) if mistake.fix else None)
        parts.append(tag("p", "More: ", tag("code", f"costrel explain {mistake.code}"), class_="quiet"))
    elif rest := report.message.partition("\n")[2].strip("\n"):
        parts.append(tag("pre", rest))
    parts.extend(tag("pre", note) for note in report.notes)
    parts.extend(tag("p", with_code(hint)) for hint in hints)
    return tag("section", parts, class_="help") if parts else None


def _laid_out(text: str) -> Markup:
    """Show prose as prose, and what was laid out with spaces and lines as it was."""
    return tag("pre" if "\n" in text or "  " in text else "p", with_code(text))


def _exception(report: ErrorReport, position: int) -> Markup:
    """Show the calls of one exception, and its message when it is not the one in the heading."""
    parts: list[Content] = []
    if position == 0:
        parts.append(tag("h2", "Calls, the last one first"))
    else:
        parts.append(_message(report))
        parts.extend(tag("pre", note, class_="note") for note in report.notes)
    parts.extend(_calls(report.frames, opens=position < MAX_OPEN))
    for number, member in enumerate(report.members, 1):
        parts.append(tag("h2", f"Exception {number} of the group"))
        parts.append(_message(member))
        parts.extend(_calls(member.frames, opens=position == 0 and number == 1))
    if report.earlier is not None:
        reason = (
            "The exception that it was raised from" if report.is_cause else "The exception that was handled at the time"
        )
        parts.append(tag("h2", reason))
    return tag("section", parts)


def _message(report: ErrorReport) -> Markup:
    return tag(
        "p",
        tag("b", report.qualified_name),
        ": " if report.message else "",
        with_code(report.message),
        class_="earlier",
    )


def _calls(frames: Sequence[Frame], *, opens: bool) -> Iterator[Markup]:
    """Show the frames, the last call first; those of others are folded into one line each run."""
    shows_all = os.environ.get(TRACE_VARIABLE) == "full"
    own = [frame for frame in frames if frame.origin is Origin.APP]
    first_open = own[-1] if own else frames[-1] if frames else None
    for is_own, run in groupby(reversed(frames), lambda frame: frame.origin is Origin.APP or frame is first_open):
        calls = list(run)
        shown = [_call(frame, is_open=opens and frame is first_open) for frame in calls]
        if is_own:
            yield from shown
        else:
            packages = ", ".join(dict.fromkeys(frame.package for frame in calls))
            count = sum(frame.repeated + frame.left_out for frame in calls)
            summary = f"{count} {'call' if count == 1 else 'calls'} in {packages}"
            yield tag("details", tag("summary", summary), shown, class_="folded", open=shows_all)


def _call(frame: Frame, *, is_open: bool) -> Markup:
    link = editor_link(frame.path, frame.line_number, os.environ.get(EDITOR_VARIABLE))
    place = f"{frame.shown_path}:{frame.line_number}"
    if frame.repeated > 1:
        place += f", {frame.repeated} times in a row"
    left_out = tag("p", f"{frame.left_out} more calls are left out here.", class_="quiet") if frame.left_out else None
    return tag(
        "div",
        tag(
            "details",
            tag("summary", tag("code", frame.function, class_="function"), tag("span", place, class_="place")),
            tag("a", "Open in editor", href=link, class_="editor") if link else None,
            _source(frame.source),
            _variables(frame.variables),
            class_=f"call {frame.origin.value}",
            open=is_open,
        ),
        left_out,
    )


def _source(lines: Sequence[SourceLine]) -> Markup | None:
    if not lines:
        return tag("p", "The source of this call is not available.", class_="quiet")
    indent = min((len(line.text) - len(line.text.lstrip()) for line in lines if line.text.strip()), default=0)
    rows = [
        tag(
            "span",
            tag("i", str(line.number)),
            _marked_text(line, indent),
            "\n",
            class_="line current" if line.is_current else "line",
        )
        for line in lines
    ]
    return tag("pre", rows, class_="source")


def _marked_text(line: SourceLine, indent: int) -> list[Markup | str]:
    text = line.text[indent:]
    if line.marked is None:
        return [text]
    start, stop = (max(position - indent, 0) for position in line.marked)
    return [text[:start], tag("mark", text[start:stop]), text[stop:]]


def _variables(variables: Sequence[tuple[str, str]]) -> Markup | None:
    if not variables:
        return None
    return tag("details", tag("summary", "Variables"), _table(variables), class_="variables", open=True)


def _table(rows: Sequence[tuple[str, str]]) -> Markup:
    return tag(
        "table", tag("tbody", [tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in rows])
    )


def _facts(sections: Sequence[Section]) -> Markup:
    cards = [
        tag("details", tag("summary", section.title), _table(section.rows), open=section.is_open)
        for section in sections
    ]
    return tag("section", tag("h2", "The request"), tag("div", cards, class_="cards"), class_="facts")


def _as_text(request: Request, report: ErrorReport) -> Markup:
    route = f"\nRoute: {request.route.path} ({request.route.handler})" if request.route is not None else ""
    text = f"{request.method} {request.path[:2000]}{route}\nCostrel {__version__}\n\n{format_report(report)}\n"
    return tag(
        "section",
        tag("h2", "For a colleague or a bug report"),
        tag("div", tag("details", tag("summary", "As text"), tag("pre", text, id="report")), class_="cards"),
    )
