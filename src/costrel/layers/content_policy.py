"""Reading a Content-Security-Policy: directives checked, keywords quoted, the place of the nonce found.

A policy with a misspelt directive protects from nothing and says so nowhere, so what is not known is refused when the
layer is made.

Spec: Content Security Policy Level 3 §2.2, §2.3.1, §6.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from costrel.errors import ConfigurationError
from costrel.layers.mistakes import wrong_option

__all__ = ["NONCE", "PolicyInput", "format_policy"]

PolicyInput = str | Mapping[str, str | Sequence[str]]
"""A policy as its text, or as directives with their sources; a text of several sources has spaces between them."""

NONCE = "'nonce'"
"""Stands in a formatted policy where the nonce of a request belongs."""

_DIRECTIVE_NAMES = """
    default-src script-src script-src-elem script-src-attr style-src style-src-elem style-src-attr img-src font-src
    media-src object-src connect-src child-src frame-src worker-src manifest-src fenced-frame-src base-uri form-action
    frame-ancestors sandbox report-uri report-to upgrade-insecure-requests block-all-mixed-content
    require-trusted-types-for trusted-types navigate-to webrtc
"""
_KEYWORD_NAMES = """
    self none nonce strict-dynamic unsafe-inline unsafe-eval unsafe-hashes wasm-unsafe-eval report-sample
    inline-speculation-rules trusted-types-eval
"""
_DIRECTIVES = frozenset(_DIRECTIVE_NAMES.split())
_KEYWORDS = frozenset(_KEYWORD_NAMES.split())
_PLAIN_WORDS = ("sandbox", "report-to", "report-uri", "trusted-types", "webrtc")  # their values are no sources
# CSP3 §2.2: a value is printable ASCII without ";" and ","; spaces have been taken away by then.
_is_source = re.compile(r"[!-+\--:<-~]+").fullmatch


def format_policy(policy: PolicyInput) -> str:
    """Return the policy as one line; a nonce is `NONCE` in it.

    Args:
        policy: keywords may be written with their quotes or without, ``'self'`` or ``self``.

    Raises:
        ConfigurationError: COS-LAYERS-001, an unknown directive, one that is there twice, or a source that cannot be.
    """
    directives: dict[str, str] = {}
    for name, sources in _split(policy):
        if name in directives:
            raise _wrong(name, "The directive is there twice, and browsers pass over the second.")
        directives[name] = " ".join([name, *_sources(name, sources)])
    if not directives:
        raise _wrong(policy, "It has no directive.", "csp=None   for no policy")
    return "; ".join(directives.values())


def _split(policy: PolicyInput) -> list[tuple[str, list[str]]]:
    if isinstance(policy, str):
        parts = [part.split() for part in policy.split(";")]
        return [(part[0].lower(), part[1:]) for part in parts if part]
    return [
        (name.lower(), sources.split() if isinstance(sources, str) else list(sources))
        for name, sources in policy.items()
    ]


def _sources(directive: str, sources: Sequence[str]) -> list[str]:
    if directive not in _DIRECTIVES:
        near = get_close_matches(directive, _DIRECTIVES, 1)
        raise _wrong(directive, "There is no such directive.", f"csp={{{near[0]!r}: …}}" if near else "")
    for source in sources:
        if not _is_source(source):
            raise _wrong(source, "A source is printable ASCII without spaces, `;` and `,`.")
    if directive in _PLAIN_WORDS:
        return list(sources)
    quoted = [f"'{source}'" if source.lower() in _KEYWORDS else source for source in sources]
    if "'none'" in quoted and len(quoted) > 1:
        raise _wrong(" ".join(quoted), "`'none'` stands alone; beside other sources browsers pass over it.")
    return quoted


def _wrong(value: object, why: str, fix: str = "") -> ConfigurationError:
    example = """csp={"default-src": "'self'", "script-src": ["'self'", "'nonce'"]}"""
    return wrong_option("SecurityHeaders", "csp", value, why, fix or example)
