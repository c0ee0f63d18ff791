"""The application's own settings: one frozen value, checked when it is made.

Each field can be given in code, or as ``COSTREL_<FIELD>`` in the environment. A value that cannot be read is an error
at start-up that names the variable; no value means "no limit" by accident. They stand on this floor because
transports, sessions and the messages read them. A *user's* typed settings are another class, `costrel.Settings`.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_type_hints

import msgspec

from costrel.errors import BuildError, Mistake
from costrel.http import URL, TrustedProxies, is_valid_authority, parse_authority
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
        allowed_hosts: hosts that an external URL may take from a request; empty is all of them. To refuse requests
            for others is the business of a layer.
        trusted_proxies: networks whose ``Forwarded`` and ``X-Forwarded-*`` fields are believed, or the number of
            proxies in front, such as ``("1",)``; empty is none.
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
        mistakes = [*self._wrong_numbers(), *self._wrong_types()]
        if self.trailing_slash not in ("ignore", "strict", "redirect"):
            mistakes.append(_wrong("trailing_slash", self.trailing_slash, "It is `ignore`, `strict` or `redirect`."))
        if not mistakes:
            # These read values, so the types have to be right.
            mistakes = [*self._weak_keys(), *self._wrong_proxies(), *self._wrong_addresses()]
        if mistakes:
            raise BuildError(mistakes)

    def _wrong_numbers(self) -> list[Mistake]:
        mistakes = []
        for field in dataclasses.fields(self):
            if field.type not in ("int", "float"):
                continue
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
                mistakes.append(
                    _wrong(field.name, value, "It is a number of 0 or more; there is no value for `no limit`.")
                )
            elif field.type == "int" and not isinstance(value, int):
                mistakes.append(_wrong(field.name, value, "It is a whole number."))
        if not mistakes and self.threads < 1:
            mistakes.append(_wrong("threads", self.threads, "At least one thread is needed for `def` handlers."))
        return mistakes

    def _wrong_types(self) -> list[Mistake]:
        """Find the values that are of another type than their field.

        SECURITY: one text in the place of several would be searched for parts of it: "shop" is in "shop.example".
        """
        mistakes = []
        for name, type_ in get_type_hints(type(self)).items():
            if type_ in (int, float, TrailingSlash):
                continue
            try:
                msgspec.convert(getattr(self, name), type_)
            except msgspec.ValidationError as error:
                mistakes.append(_wrong(name, getattr(self, name), f"{error}."))
        if self.session_cookie_salt == "":
            mistakes.append(_wrong("session_cookie_salt", "", "Without a salt a signature is good for any purpose."))
        return mistakes

    def _wrong_addresses(self) -> list[Mistake]:
        mistakes = []
        if self.base_url is not None:
            url = URL(self.base_url)
            is_http = url.scheme in ("http", "https") and is_valid_authority(url.authority.encode())
            if not is_http or "?" in url or "#" in url or not url.isprintable():
                why = "It is an http or https URL with a host, and without query and fragment."
                mistakes.append(_wrong("base_url", self.base_url, why))
        for host in self.allowed_hosts:
            is_host = is_valid_authority(host.encode()) and parse_authority(host.encode())[1] is None
            if not is_host and host != "*":
                mistakes.append(_wrong("allowed_hosts", host, "It is a host: no scheme, no port and no path."))
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
    if type_ == (bool | None) and not stripped:
        return None
    if type_ is bool or type_ == (bool | None):
        lowered = stripped.lower()
        if lowered in ("1", "true", "yes", "on"):
            return True
        if lowered in ("0", "false", "no", "off", ""):
            return False
        raise ValueError("it must be one of 1, 0, true, false, yes, no, on, off")
    if type_ == (str | tuple[str, ...] | None):
        return _parse_texts(stripped) if stripped.startswith("[") else stripped
    if type_ == tuple[str, ...]:
        items = _parse_texts(stripped) if stripped.startswith("[") else stripped.split(",")
        return tuple(item.strip() for item in items if item.strip())
    try:
        return msgspec.convert(stripped, type_, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _parse_texts(text: str) -> tuple[str, ...]:
    """Read a JSON list of texts; the error says what was expected and never shows the text."""
    try:
        return msgspec.json.decode(text, type=tuple[str, ...])
    except msgspec.DecodeError:
        raise ValueError("it must be a JSON list of texts") from None


def _wrong(name: str, value: object, why: str) -> Mistake:
    shown = "***" if "secret" in name or "url" in name else repr(value)
    return Mistake(
        "COS-APP-013",
        f"The setting `{name}` is {shown}.",
        where=f"COSTREL_{name.upper()}, or AppSettings({name}=…)",
        why=why,
    )
