"""Pages that load themselves again after a change, while an application is written.

`PageReload` is an extension that `costrel dev` installs and nobody else: it answers two reserved paths, a script and an
event stream, and adds a line with that script to pages on their way to a browser's window. The script listens to the
stream. When it names another version than the page has, because a template or a static file was saved or because the
application started anew, the page loads itself again. Of several tabs one listens and tells the others, for a browser
keeps only six connections to one host.

What a program asks for is never touched: only a browser's navigation says ``Sec-Fetch-Dest: document``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from html import escape
from typing import Final

from costrel.messages import AppSetup, Dispatch, EventStream, Request, Response, ServerSentEvent

__all__ = ["PageReload"]

RELOAD_PATH: Final = "/_costrel/reload"
SCRIPT_PATH: Final = "/_costrel/reload.js"
RETRY_SECONDS: Final = 0.05

_FALLBACKS: Final = {
    "script-src": ("script-src-elem", "script-src", "default-src"),
    "connect-src": ("connect-src", "default-src"),
}
_SCRIPT: Final = """\
"use strict";
{
  const version = document.currentScript.dataset.version;
  const channel = new BroadcastChannel("costrel-reload");
  const compare = now => { if (now !== version) { location.reload(); } };
  const listen = () => {
    const source = new EventSource("RELOAD_PATH");
    source.addEventListener("version", event => {
      channel.postMessage(event.data);
      compare(event.data);
    });
    // A server that is about to end answers 503, and with any other status than 200 the browser gives up.
    source.onerror = () => { if (source.readyState === EventSource.CLOSED) { setTimeout(listen, 100); } };
  };
  const listenForEver = () => new Promise(listen);
  channel.onmessage = event => compare(event.data);
  if (navigator.locks) { navigator.locks.request("costrel-reload", listenForEver); } else { listen(); }
}
""".replace("RELOAD_PATH", RELOAD_PATH)


class PageReload:
    """Makes pages load themselves again after a change; an `Extension` for development.

    Attributes:
        name: ``page_reload``.
        requires: nothing.
    """

    name = "page_reload"
    requires: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._start = secrets.token_hex(4)
        self._change_count = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()

    @property
    def version(self) -> str:
        """What a page that is made now has: another one after each start and each change."""
        return f"{self._start}.{self._change_count}"

    def install(self, app: AppSetup) -> None:
        """Put its layer around the application."""
        app.add_layer(self._answer)

    def note_change(self) -> None:
        """Let all pages that are open load themselves again; may be called from any thread."""
        self._change_count += 1
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _answer(self, request: Request, call_next: Dispatch) -> Response:
        if request.path == RELOAD_PATH:
            return EventStream(self._versions(), retry_seconds=RETRY_SECONDS)
        if request.path == SCRIPT_PATH:
            return Response(_SCRIPT, headers={"cache-control": "no-store"}, media_type="text/javascript; charset=utf-8")
        version = self.version
        response = await call_next(request)
        if request.method == "GET" and request.headers.get("sec-fetch-dest") == "document":
            response = await _with_script(request, response, version)
        return response

    async def _versions(self) -> AsyncIterator[ServerSentEvent]:
        """Yield the version now and after each change."""
        self._loop = asyncio.get_running_loop()
        while True:
            changed = self._changed
            yield ServerSentEvent(self.version, event="version")
            await changed.wait()


async def _with_script(request: Request, response: Response, version: str) -> Response:
    """Return the response with the script in it if it is a page that is there as a whole."""
    if response.status_code == 206 or not (response.media_type or "").startswith("text/html"):
        return response
    if response.needs_resolving:
        response = await response.resolve(request)
    if not isinstance(response.body, bytes) or not response.body or "content-encoding" in response.headers:
        return response
    policy = response.headers.get("content-security-policy")
    nonce = ""
    if policy is not None:
        response.headers["content-security-policy"], nonce = allow_script(policy)
    response.body = insert_script(response.body, version, nonce)
    if "content-length" in response.headers:
        response.headers["content-length"] = str(len(response.body))
    return response


def insert_script(page: bytes, version: str, nonce: str) -> bytes:
    """Put the script before the end of the page's body, or at its end."""
    attributes = f' nonce="{escape(nonce)}"' if nonce else ""
    script = f'<script src="{SCRIPT_PATH}" data-version="{version}"{attributes}></script>'.encode()
    index = page.lower().rfind(b"</body>")
    return page[:index] + script + page[index:] if index >= 0 else page + script


def allow_script(policy: str) -> tuple[str, str]:
    """Widen a Content Security Policy so that the script may run and listen, and no further.

    Returns:
        The policy, and the nonce that it wants to see; empty when it wants none.
    """
    directives: dict[str, list[str]] = {}
    for part in policy.split(";"):
        words = part.split()
        if words:
            directives.setdefault(words[0].lower(), words[1:])
    nonce = ""
    for name, fallbacks in _FALLBACKS.items():
        found = next((each for each in fallbacks if each in directives), None)
        if found is None:
            continue
        sources = directives[found]
        given = next((word[7:-1] for word in sources if word.startswith("'nonce-")), "")
        if name == "script-src" and given:
            nonce = given
        elif "'self'" not in sources and "*" not in sources:
            target = name if found == "default-src" else found
            directives[target] = [*(word for word in sources if word != "'none'"), "'self'"]
    return "; ".join(" ".join([name, *words]) for name, words in directives.items()), nonce
