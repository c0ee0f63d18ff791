"""What `costrel dev` answers instead of an application that cannot start.

Every request is answered 500 with the text that stands in the terminal too: browsers get it as a page, programs as
plain text. SECURITY: only a client on this machine that asked for a name of this machine sees it; a page of somebody
else cannot read it by a name that it rebinds.
"""

from __future__ import annotations

from html import escape
from ipaddress import ip_address

from costrel.app import App
from costrel.messages import AppSettings, Dispatch, HTMLResponse, Request, Response, TextResponse
from costrel.pages import wants_page

__all__ = ["is_loopback", "make_failure_app"]

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The application cannot start</title>
<style>
  :root {{ color-scheme: light dark; --line: #8884; --mark: #c0392b; }}
  body {{ font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem; }}
  h1 {{ font-size: 1.4rem; margin: 0 0 .25rem; }}
  h1::before {{ color: var(--mark); content: "\\25CF"; margin-right: .5rem; }}
  p {{ margin: 0 0 1.25rem; opacity: .75; }}
  pre {{ border: 1px solid var(--line); border-left: 4px solid var(--mark); border-radius: 6px; font-size: .875rem;
    line-height: 1.45; margin: 0; overflow-x: auto; padding: 1rem; }}
</style>
<h1>The application cannot start</h1>
<p>Mend it and save the file; then load this page again.</p>
<pre>{text}</pre>
</html>
"""


def make_failure_app(text: str) -> App:
    """Make an application that answers every request with `text`, status 500; as a page where Accept names HTML."""
    page = _PAGE.format(text=escape(text))
    headers = {"cache-control": "no-store"}

    async def answer(request: Request, call_next: Dispatch) -> Response:
        if not is_loopback(request):
            return TextResponse("Internal Server Error\n", 500)
        if wants_page(request.headers.get("accept")):
            return HTMLResponse(page, 500, headers)
        return TextResponse(f"The application cannot start.\n\n{text.rstrip()}\n", 500, headers)

    return App("failure", settings=AppSettings(), extensions=(), use=[answer])


def is_loopback(request: Request) -> bool:
    """Whether the client sits on this machine and asked for a name of this machine."""
    peer = request.exchange.peer
    host = request.host.strip("[]")
    return peer is not None and _is_loopback_address(peer[0]) and (host == "localhost" or _is_loopback_address(host))


def _is_loopback_address(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False
