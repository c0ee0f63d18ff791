"""The cookie of one kind of session: its name and attributes, and whether it is `Secure` for this client.

What is in it, is up to others: a signed or encrypted session, or the identifier of a record in a store.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final, Literal

from costrel.errors import ConfigurationError, Mistake
from costrel.http import format_delete_cookie, format_set_cookie
from costrel.messages import AppSettings, Request, Response

__all__ = ["CookiePlace", "SessionCookie"]

# What may stand in a cookie as it is, RFC 6265 §4.1.1.
_is_plain = re.compile(r"[!#-+\--:<-\[\]-~]*", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCookie:
    """The name and the attributes of a session's cookie, where they are not those of the settings.

    Args:
        name: by default `AppSettings.session_cookie_name`. With the prefix ``__Host-`` browsers take the cookie from
            this host alone.
        path: by default `AppSettings.session_cookie_path`.
        domain: by default `AppSettings.session_cookie_domain`.
        secure: by default `AppSettings.session_cookie_secure`.
        same_site: ``"Lax"``; ``"Strict"``; or ``"None"`` for pages that stand in a frame of another site, which makes
            the cookie `Secure`.
        partitioned: one session for each site in whose frames a page stands (CHIPS); makes the cookie `Secure`.
    """

    name: str | None = None
    path: str | None = None
    domain: str | None = None
    secure: bool | None = None
    same_site: Literal["Lax", "Strict", "None"] = "Lax"
    partitioned: bool = False

    def applied_to(self, settings: AppSettings) -> AppSettings:
        """Return the settings with what is said here in the place of their own."""
        return replace(
            settings,
            session_cookie_name=settings.session_cookie_name if self.name is None else self.name,
            session_cookie_path=settings.session_cookie_path if self.path is None else self.path,
            session_cookie_domain=settings.session_cookie_domain if self.domain is None else self.domain,
            session_cookie_secure=settings.session_cookie_secure if self.secure is None else self.secure,
        )


DEFAULT_COOKIE: Final = SessionCookie()


class CookiePlace:
    """Reads, sets and deletes the cookie of one kind of session.

    Args:
        settings: those of the application; what `cookie` says is applied to them.
        cookie: what is not as in the settings.

    Attributes:
        settings: the settings that hold for this cookie.
        identity: what tells this cookie from others.

    Raises:
        ConfigurationError: COS-SESSION-004, the attributes contradict the name or each other.
    """

    __slots__ = ("_cookie", "_is_always_secure", "_tails", "identity", "settings")

    def __init__(self, settings: AppSettings, cookie: SessionCookie | None = None) -> None:
        cookie = cookie or DEFAULT_COOKIE
        settings = settings if cookie is DEFAULT_COOKIE else cookie.applied_to(settings)
        self.settings: AppSettings = settings
        self._cookie = cookie
        self._is_always_secure = (
            settings.session_cookie_name.lower().startswith(("__host-", "__secure-"))
            or cookie.partitioned
            or cookie.same_site == "None"
        )
        self._tails: dict[bool, str] = {}
        self.identity: tuple[object, ...] = (
            settings.session_cookie_name,
            settings.session_cookie_path,
            settings.session_cookie_domain,
            cookie.partitioned,
        )
        try:
            self._tail(secure=self._is_always_secure or settings.session_cookie_secure is not False)
        except ValueError as error:
            raise ConfigurationError(_wrong_cookie(error)) from error

    def read(self, request: Request) -> str | None:
        """Return what the client has sent, `None` without a cookie."""
        return request.cookies.get(self.settings.session_cookie_name)

    def format(self, request: Request, value: str, max_age_seconds: int | None) -> bytes:
        """Return the whole of the field; it may be longer than browsers keep.

        Args:
            request: tells whether the cookie is `Secure`.
            value: what stands in it.
            max_age_seconds: how long the browser keeps it, `None` for as long as it is open.

        Raises:
            ValueError: a value that has to be quoted, and is too long.
        """
        tail = self._tail(secure=self._is_secure(request))
        if _is_plain(value) is None:
            value = format_set_cookie("v", value, path=None, secure=False, http_only=False, same_site=None)[2:].decode()
        age = "" if max_age_seconds is None else f"; Max-Age={max_age_seconds:d}"
        return f"{self.settings.session_cookie_name}={value}{age}{tail}".encode("ascii")

    def set(self, response: Response, field_value: bytes) -> None:
        """Set the cookie to what `format` has made."""
        response.headers.add(b"set-cookie", field_value)

    def delete(self, request: Request, response: Response) -> None:
        """Make the client forget the cookie."""
        settings, cookie = self.settings, self._cookie
        field_value = format_delete_cookie(
            settings.session_cookie_name,
            settings.session_cookie_path,
            settings.session_cookie_domain,
            secure=self._is_secure(request),
            same_site=cookie.same_site,
            partitioned=cookie.partitioned,
        )
        response.headers.add(b"set-cookie", field_value)

    def _tail(self, *, secure: bool) -> str:
        """Return the attributes that are always the same.

        Raises:
            ValueError: they are not possible together.
        """
        tail = self._tails.get(secure)
        if tail is None:
            settings, cookie = self.settings, self._cookie
            empty = format_set_cookie(
                settings.session_cookie_name,
                "",
                path=settings.session_cookie_path,
                domain=settings.session_cookie_domain,
                secure=secure,
                same_site=cookie.same_site,
                partitioned=cookie.partitioned,
            )
            # RFC 6265 §4.1.1 leaves the order of attributes free; `Max-Age` stands in front of all others here.
            tail = self._tails[secure] = empty.decode("ascii")[len(settings.session_cookie_name) + 1 :]
        return tail

    def _is_secure(self, request: Request) -> bool:
        settings = self.settings
        if self._is_always_secure:
            return True
        if settings.session_cookie_secure is not None:
            return settings.session_cookie_secure
        # Browsers do not all take a secure cookie from http://localhost, and development happens there.
        return not (settings.debug and request.scheme == "http" and _is_local(request))


def _is_local(request: Request) -> bool:
    """Whether the client is on this machine and has asked for this machine."""
    host = request.host
    is_local_name = host == "localhost" or host.endswith(".localhost") or _is_loopback(host.strip("[]"))
    return is_local_name and request.client is not None and _is_loopback(request.client[0])


def _is_loopback(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return (getattr(parsed, "ipv4_mapped", None) or parsed).is_loopback


def _wrong_cookie(error: ValueError) -> Mistake:
    return Mistake(
        "COS-SESSION-004",
        "The session cookie cannot be set as the settings say.",
        where="AppSettings(session_cookie_…), COSTREL_SESSION_COOKIE_…, or SessionCookie(…)",
        why=f"{error}.",
        fix="Change the name of the cookie, or the attribute that its name forbids.",
    )
