"""What the options of `SecurityHeaders` may be, but for the policy of content, each checked when the layer is made.

Spec: RFC 6797 §6.1; Permissions Policy §5.2, §9.1 (its field is a dictionary of RFC 9651).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from costrel.http import URL, field_value
from costrel.layers.mistakes import wrong_option

__all__ = ["PermissionsInput", "check_word", "format_permissions", "format_strict_transport"]

PermissionsInput = str | Mapping[str, Sequence[str]]
"""A permissions policy as its text, or as features with who may use them."""

MIN_PRELOAD_SECONDS = 31_536_000

_is_feature = re.compile(r"[a-z][a-z0-9-]*").fullmatch


def check_word(option: str, value: str | None, words: Sequence[str]) -> str | None:
    """Return `value` if it is one of `words`, or `None`.

    Raises:
        ConfigurationError: COS-LAYERS-001, it is none of them.
    """
    if value is not None and value not in words:
        raise wrong_option(
            "SecurityHeaders", option, value, f"It is {', '.join(f'`{word}`' for word in words)} or `None`."
        )
    return value


def format_strict_transport(seconds: int | None, includes_subdomains: bool, preload: bool) -> str | None:
    """Return the value of ``Strict-Transport-Security``, `None` for no such field.

    Raises:
        ConfigurationError: COS-LAYERS-001, a negative time, or a promise that the lists of browsers do not take.
    """
    if seconds is None:
        return None
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        raise wrong_option("SecurityHeaders", "hsts_seconds", seconds, "It is a whole number of 0 or more, or `None`.")
    if preload and not (includes_subdomains and seconds >= MIN_PRELOAD_SECONDS):
        why = f"The lists take hosts with all their subdomains, for {MIN_PRELOAD_SECONDS} seconds or more."
        fix = f"hsts_seconds={MIN_PRELOAD_SECONDS}, hsts_subdomains=True, hsts_preload=True"
        raise wrong_option("SecurityHeaders", "hsts_preload", preload, why, fix)
    return f"max-age={seconds}{'; includeSubDomains' if includes_subdomains else ''}{'; preload' if preload else ''}"


def format_permissions(policy: PermissionsInput) -> str:
    """Return the value of ``Permissions-Policy``.

    Args:
        policy: who may use a feature is ``self``, ``src``, ``*`` or an origin; nobody is an empty tuple.

    Raises:
        ConfigurationError: COS-LAYERS-001, not a feature, or not an origin.
    """
    if isinstance(policy, str):
        try:
            return field_value(policy).decode("latin-1")
        except ValueError as error:
            raise wrong_option("SecurityHeaders", "permissions_policy", policy, f"{error}.") from None
    return ", ".join(f"{_feature(name)}={_allowed(name, allowed)}" for name, allowed in policy.items())


def _feature(name: str) -> str:
    if not _is_feature(name):
        raise wrong_option("SecurityHeaders", "permissions_policy", name, "A feature is lower-case: `camera`.")
    return name


def _allowed(name: str, allowed: Sequence[str]) -> str:
    if isinstance(allowed, str):
        why = "Who may use a feature is a list."
        raise wrong_option(
            "SecurityHeaders", "permissions_policy", {name: allowed}, why, f"{{{name!r}: [{allowed!r}]}}"
        )
    if tuple(allowed) == ("*",):
        return "*"
    for who in allowed:
        if who not in ("self", "src") and not _is_origin(who):
            why = "Who may use a feature is `self`, `src`, `*` alone, or an origin such as `https://maps.example`."
            raise wrong_option("SecurityHeaders", "permissions_policy", who, why)
    return f"({' '.join(who if who in ('self', 'src') else _quoted(who) for who in allowed)})"


def _quoted(origin: str) -> str:
    return f'"{origin}"'


def _is_origin(text: str) -> bool:
    return text != "null" and URL(text).origin == text and _has_no_quote(text)


def _has_no_quote(text: str) -> bool:
    return text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
