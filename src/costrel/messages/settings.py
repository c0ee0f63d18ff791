"""The application's own settings: one frozen value, checked when it is made.

Each field can be given in code, or as ``COSTREL_<FIELD>`` in the environment. A value that cannot be read is an error
at start-up that names the variable; no value means "no limit" by accident. They stand on this floor because
transports, sessions and the messages read them. A *user's* typed settings are another class, `costrel.Settings`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_type_hints

import msgspec

from costrel.errors import BuildError, Mistake
from costrel.http import TrustedProxies
from costrel.messages.limits import MessageLimits

__all__ = ["AppSettings", "TrailingSlash", "parse_setting"]

TrailingSlash = Literal["ignore", "strict", "redirect"]

MIN_SECRET_KEY_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AppSettings(MessageLimits):
    """How an application behaves under every server.

    Args:
        debug: tracebacks in answers, checks of return values, a watchdog for blocked loops; never in production.
        secret_key: one key, or several with the newest first, 16 bytes or more each; signs sessions and more.
            Without one the application starts, and the first thing that must be signed raises `MissingSecretKey`.
        threads: size of the worker pool for ``def`` handlers.
        thread_queue_timeout_seconds: how long a request waits for a thread before it gets 503.
        session_lifetime_seconds: age at which a session ends.
        session_cookie_name: name of the session cookie; Flask's by default, so that both can read it.
        session_cookie_salt: purpose of its signature; Flask's by default.
        session_cookie_secure: whether the cookie is sent over https only; `None` means: yes, but for debug mode on
            loopback over plain http.
        session_cookie_path: the paths that get the cookie.
        session_cookie_domain: the domain that gets the cookie; `None` is the host alone.
        trailing_slash: what ``/a`` and ``/a/`` are to each other: the same route (``ignore``), two routes
            (``strict``), or a redirect to the one that is registered (``redirect``).
        base_url: scheme, host and prefix for external URLs outside a request, for example
            ``https://shop.example/``; `None` takes them from the request.
        allowed_hosts: hosts the application answers for; empty is all of them.
        trusted_proxies: networks whose ``Forwarded`` and ``X-Forwarded-*`` fields are believed; empty is none.
        exit_timeout_seconds: how long the exit of one provider may take when its request was cancelled.

    Raises:
        BuildError: a value out of its range; all of them at once.
    """

    debug: bool = False
    secret_key: str | tuple[str, ...] | None = None
    threads: int = 40
    thread_queue_timeout_seconds: float = 5.0
    session_lifetime_seconds: int = 1_209_600
    session_cookie_name: str = "session"
    session_cookie_salt: str = "cookie-session"
    session_cookie_secure: bool | None = None
    session_cookie_path: str = "/"
    session_cookie_domain: str | None = None
    trailing_slash: TrailingSlash = "ignore"
    base_url: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    exit_timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        mistakes = [*self._wrong_numbers(), *self._weak_keys(), *self._wrong_proxies()]
        if self.trailing_slash not in ("ignore", "strict", "redirect"):
            mistakes.append(_wrong("trailing_slash", self.trailing_slash, "It is `ignore`, `strict` or `redirect`."))
        if mistakes:
            raise BuildError(mistakes)

    def _wrong_numbers(self) -> list[Mistake]:
        mistakes = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            is_limit = (
                field.name.startswith("max_") or field.name.endswith(("_bytes", "_seconds")) or field.name == "threads"
            )
            if not is_limit:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
                mistakes.append(
                    _wrong(field.name, value, "It is a number of 0 or more; there is no value for `no limit`.")
                )
        if not mistakes and self.threads < 1:
            mistakes.append(_wrong("threads", self.threads, "At least one thread is needed for `def` handlers."))
        return mistakes

    def _weak_keys(self) -> list[Mistake]:
        return [
            Mistake(
                "COS-APP-011",
                "A secret key is shorter than 16 bytes.",
                where="COSTREL_SECRET_KEY, or AppSettings(secret_key=…)",
                why="A short key can be guessed, and with it anybody can sign a session.",
                fix="Make one:  python -c 'import secrets; print(secrets.token_urlsafe(32))'",
            )
            for key in self.secret_keys
            if len(key.encode()) < MIN_SECRET_KEY_BYTES
        ]

    def _wrong_proxies(self) -> list[Mistake]:
        try:
            TrustedProxies(self.trusted_proxies)
        except ValueError as error:
            return [_wrong("trusted_proxies", self.trusted_proxies, str(error))]
        return []

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys, newest first, empty without any: sign with the first, accept all."""
        if self.secret_key is None:
            return ()
        return (self.secret_key,) if isinstance(self.secret_key, str) else tuple(self.secret_key)

    def __repr__(self) -> str:
        shown = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.name == "secret_key" and value is not None:
                shown.append("secret_key='***'")
            elif value != field.default:
                shown.append(f"{field.name}={value!r}")
        return f"AppSettings({', '.join(shown)})"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **given: object) -> Self:
        """Read every field that is set as ``COSTREL_<FIELD>``; what is `given` in code wins.

        Raises:
            BuildError: variables that cannot be read, all of them at once, each by its name.
        """
        environ = os.environ if environ is None else environ
        hints = get_type_hints(cls)
        values: dict[str, Any] = {}
        mistakes: list[Mistake] = []
        for field in dataclasses.fields(cls):
            variable = f"COSTREL_{field.name.upper()}"
            if field.name in given or variable not in environ:
                continue
            try:
                values[field.name] = parse_setting(environ[variable], hints[field.name])
            except ValueError as error:
                mistakes.append(
                    Mistake("COS-APP-012", f"`{variable}` cannot be read.", where="environment", why=f"{error}.")
                )
        if mistakes:
            raise BuildError(mistakes)
        return cls(**{**values, **given})


def parse_setting(text: str, type_: Any) -> Any:  # a type expression and its value
    """Turn the text of an environment variable into a value of `type_`.

    Lists are JSON or separated by commas; true is ``1``, ``true``, ``yes``, ``on``.

    Raises:
        ValueError: it does not fit; the message says what was expected and never shows the text.
    """
    stripped = text.strip()
    if type_ is bool or type_ == (bool | None):
        lowered = stripped.lower()
        if lowered in ("1", "true", "yes", "on"):
            return True
        if lowered in ("0", "false", "no", "off", ""):
            return False
        raise ValueError("it must be one of 1, 0, true, false, yes, no, on, off")
    if type_ == (str | tuple[str, ...] | None):
        return tuple(json.loads(stripped)) if stripped.startswith("[") else stripped
    if type_ == tuple[str, ...]:
        items = json.loads(stripped) if stripped.startswith("[") else stripped.split(",")
        return tuple(item.strip() for item in items if item.strip())
    try:
        return msgspec.convert(stripped, type_, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _wrong(name: str, value: object, why: str) -> Mistake:
    shown = "***" if "secret" in name else repr(value)
    return Mistake(
        "COS-APP-013",
        f"The setting `{name}` is {shown}.",
        where=f"COSTREL_{name.upper()}, or AppSettings({name}=…)",
        why=why,
    )
