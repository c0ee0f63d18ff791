"""`render` and its siblings: the functions that handlers call, for the application of the current request.

They look the application up, and leave the rest to its `Templates`. Each runs where it is called: in the worker thread
of a ``def`` handler, on the loop in an ``async def`` one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from costrel.errors import Mistake, OutsideRequest, ProgrammerError, RequestEnded
from costrel.messages import Request, StreamResponse, current_request
from costrel.templating.extension import Templates

__all__ = ["render", "render_string", "stream_render"]


def render(template: str | Sequence[str], /, *, fragment: str | None = None, **context: object) -> str:
    """Render a template to a page, or to one part of it.

    Args:
        template: its name, relative to a folder of templates, with ``/`` between folders; of several names the first
            that exists is taken.
        fragment: the name of a block of it, which is then all that is rendered; the layout is left out.
        context: what it can name, besides `request`, `session`, `g`, `current_app`, the globals and what the context
            processors add; a name given here wins.

    Returns:
        The page. A handler that returns it answers with HTML; where ``text_as="json"`` holds, return an
        `HTMLResponse` of it.

    Raises:
        jinja2.TemplateNotFound: no folder has it; the message lists the folders.
        jinja2.TemplateSyntaxError: it cannot be compiled.
        ProgrammerError: COS-TEMPLATE-004, it has no block of the name `fragment`.
        OutsideRequest: there is neither a request nor an ``app.app_context()``.
    """
    request = _current("render")
    return _templates_of(request).render(request, template, context, fragment)


def render_string(source: str, /, **context: object) -> str:
    """Render a template that is given as text; it is escaped like a page.

    Never make the text from what a client sent: whoever writes a template can read what the application can. Values
    belong in `context`.

    Args:
        source: the text of the template.
        context: as for `render`.

    Raises:
        jinja2.TemplateSyntaxError: it cannot be compiled.
        OutsideRequest: as for `render`.
    """
    request = _current("render_string")
    return _templates_of(request).render_string(request, source, context)


def stream_render(template: str | Sequence[str], /, **context: object) -> StreamResponse:
    """Render a template while it is sent, so that the first bytes leave before the last row was made.

    What follows the first piece can no longer change the status; a failure there breaks the response off. `request`,
    `g` and `current_app` are what they were; a session that the template names is read before the head is sent, and is
    read-only in it. When the client leaves, the template and the generators in it are closed.

    Args:
        template: as for `render`.
        context: as for `render`; give it generators to save memory.

    Raises:
        jinja2.TemplateNotFound: as for `render`, at once.
        OutsideRequest: as for `render`, at once.
    """
    request = _current("stream_render")
    return StreamResponse(_templates_of(request).iter_rendered(request, template, context))


def _current(name: str) -> Request:
    """Return the request or app context that `name` renders for."""
    request = current_request.get(None)
    if request is None:
        raise OutsideRequest(name)
    if request.ended:
        raise RequestEnded(name)
    return request


def _templates_of(request: Request) -> Templates:
    """Return the `Templates` of the application that handles a request."""
    found = request.app.extensions.get("templates")
    if found is None:
        raise ProgrammerError(
            Mistake(
                "COS-TEMPLATE-002",
                f"A template was rendered in the application `{request.app.name}`, which has no templates.",
                why="Its list of extensions has none with the name `templates`.",
                fix='Leave `extensions=` at its default, or add "costrel.templating:Templates" to it.',
            )
        )
    return cast("Templates", found)
