"""The tags that bring scripts and stylesheets into a page, as text that templates do not escape again."""

from __future__ import annotations

import json
from html import escape

__all__ = ["Markup", "module_preload", "nonce_meta", "react_preamble", "script", "stylesheet"]


class Markup(str):
    """Text that is HTML already; templates ask for `__html__`."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the text itself."""
        return str(self)


def script(url: str, nonce: str = "") -> str:
    """Return the tag of a module script.

    >>> script("/vite/a.js?x&y", "n")
    '<script type="module" src="/vite/a.js?x&amp;y" nonce="n"></script>'
    """
    return f'<script type="module" src="{escape(url)}"{_nonce(nonce)}></script>'


def stylesheet(url: str, nonce: str = "") -> str:
    """Return the tag of a stylesheet."""
    return f'<link rel="stylesheet" href="{escape(url)}"{_nonce(nonce)}>'


def module_preload(url: str, nonce: str = "") -> str:
    """Return the tag that lets a browser load a module before the script that imports it."""
    return f'<link rel="modulepreload" href="{escape(url)}"{_nonce(nonce)}>'


def nonce_meta(nonce: str) -> str:
    """Return the tag in which Vite's own scripts look for the nonce of what they add to a page."""
    return f'<meta property="csp-nonce"{_nonce(nonce)}>'


def react_preamble(url: str, nonce: str = "") -> str:
    """Return the script that React's plugin needs before any module of a page, while an application is written.

    Args:
        url: of ``@react-refresh`` on the dev server.
        nonce: of the page.
    """
    # SECURITY: in a script nothing is unescaped but the end of it, so no `<` of the URL may stand there as it is.
    source = json.dumps(url).replace("<", "\\u003c")
    return (
        f'<script type="module"{_nonce(nonce)}>\n'
        f"import RefreshRuntime from {source}\n"
        "RefreshRuntime.injectIntoGlobalHook(window)\n"
        "window.$RefreshReg$ = () => {}\n"
        "window.$RefreshSig$ = () => (type) => type\n"
        "window.__vite_plugin_react_preamble_installed__ = true\n"
        "</script>"
    )


def _nonce(nonce: str) -> str:
    return f' nonce="{escape(nonce)}"' if nonce else ""
