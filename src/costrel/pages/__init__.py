"""What a failed request looks like: pages for browsers, problem details for programs, the debug page for developers.

`ErrorPages` is the extension; it decides who asks, and leaves the rest to its neighbours. No page runs code, loads
anything from elsewhere or repeats what a client sent.
"""

from __future__ import annotations

from costrel.pages.audience import wants_page
from costrel.pages.extension import ErrorPages
from costrel.pages.hints import find_hints
from costrel.pages.page_reload import PageReload
from costrel.pages.secrecy import hide_secrets, is_secret_name

__all__ = ["ErrorPages", "PageReload", "find_hints", "hide_secrets", "is_secret_name", "wants_page"]
