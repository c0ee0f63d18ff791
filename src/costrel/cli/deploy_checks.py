"""`costrel check --deploy`: what should be otherwise in production.

Each check looks at the settings of a built application, those of the server as the environment gives them, and the
working directory, and says in one sentence what is wrong and in another what to do. A *warning* is a weakness or an
outage to come and fails the command; a *note* is advice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal

from costrel.app import App
from costrel.cli.secret_key import read_secret_key
from costrel.messages import AppSettings
from costrel.server import ServerSettings

__all__ = ["DEPLOY_CHECKS", "Deployment", "Finding", "find_weaknesses"]

Level = Literal["warning", "note"]

MIB = 1024 * 1024
_DAY_SECONDS = 24 * 60 * 60
_MIN_KEY_BYTES = 32
_MIN_DISTINCT_LETTERS = 10
_MAX_BODY_BYTES = 100 * MIB
_MAX_MULTIPART_BYTES = 1024 * MIB
_MAX_THREADS = 200
_MAX_SESSION_SECONDS = 90 * _DAY_SECONDS
_MAX_QUEUE_SECONDS = 30
_MAX_HEADER_SECONDS = 60
_MIN_PREFIX_LENGTHS = {4: 8, 6: 7}  # 10.0.0.0/8 and fc00::/7 are the widest private networks


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is checked.

    Args:
        app: built.
        server: the settings of the server.
        folder: where the process starts.
        is_flask_mounted: whether a Flask application shares the session cookie.
        environ: the variables that the settings were read from.
    """

    app: App
    server: ServerSettings
    folder: Path
    is_flask_mounted: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> AppSettings:
        """Those of the application."""
        return self.app.settings

    @property
    def is_public(self) -> bool:
        """Whether it listens on more than loopback."""
        if self.server.uds is not None or self.server.fd is not None:
            return False
        try:
            return not ip_address(self.server.host).is_loopback
        except ValueError:
            return self.server.host != "localhost"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that should be otherwise.

    Args:
        name: of the check, for ``--ignore``.
        level: a warning fails the command.
        what: what is so.
        fix: what to do.
    """

    name: str
    level: Level
    what: str
    fix: str


Check = Callable[[Deployment], Iterator[tuple[Level, str, str]]]


def find_weaknesses(deployment: Deployment) -> list[Finding]:
    """Run every check; warnings first."""
    found = [
        Finding(name, level, what, fix)
        for name, check in DEPLOY_CHECKS.items()
        for level, what, fix in check(deployment)
    ]
    return sorted(found, key=lambda finding: finding.level != "warning")


def _debug(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    if deployment.app.debug:
        yield "warning", "Debug is on: error pages show the code.", "Unset COSTREL_DEBUG, and serve with `costrel run`."


def _key_missing(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    if not deployment.settings.secret_keys:
        yield "warning", "There is no secret key: sessions and signed URLs raise an error.", _MAKE_A_KEY


def _key_weak(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    for key in deployment.settings.secret_keys:
        if len(key.encode()) < _MIN_KEY_BYTES or len(set(key)) < _MIN_DISTINCT_LETTERS:
            yield "warning", "A secret key is short or made of few different letters.", _MAKE_A_KEY


def _key_of_development(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    kept = read_secret_key(deployment.folder)
    if kept and kept in deployment.settings.secret_keys:
        yield "warning", "The secret key is the one that `costrel dev` keeps.", _MAKE_A_KEY


def _base_url(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    base_url = deployment.settings.base_url
    if base_url is None:
        what = "`base_url` is not set: URLs made outside a request, such as in mails, raise an error."
        yield "warning", what, "export COSTREL_BASE_URL=https://shop.example/"
    elif not base_url.lower().startswith("https://"):
        yield "warning", f"`base_url` is {base_url!r:.100}, which is not https.", "Serve it over https."


def _allowed_hosts(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    hosts = deployment.settings.allowed_hosts
    if not hosts or "*" in hosts:
        what = "`allowed_hosts` lets every Host field through: a client chooses the host of external URLs."
        yield "warning", what, "export COSTREL_ALLOWED_HOSTS=shop.example"


def _proxies_missing(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    if deployment.is_public and not deployment.settings.trusted_proxies:
        what = f"It listens on {deployment.server.host} and trusts no proxy: it speaks plain http to the network."
        yield "warning", what, "Put a proxy with TLS before it, and name it:  export COSTREL_TRUSTED_PROXIES=10.0.0.5"


def _proxies_wide(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    for text in deployment.settings.trusted_proxies:
        try:
            network = ip_network(text)
        except ValueError:  # a word such as `private`
            continue
        if network.prefixlen < _MIN_PREFIX_LENGTHS[network.version]:
            what = f"The trusted proxies {text} are a large part of the Internet: anybody there can claim any address."
            yield "warning", what, "Name the addresses of your proxies."


def _cookie_insecure(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    if deployment.settings.session_cookie_secure is False:
        what = "The session cookie is sent over plain http too: whoever listens has the session."
        yield "warning", what, "Unset COSTREL_SESSION_COOKIE_SECURE."


def _cookie_name(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    settings = deployment.settings
    is_plain = settings.session_cookie_path == "/" and settings.session_cookie_domain is None
    if is_plain and not settings.session_cookie_name.startswith("__Host-") and not deployment.is_flask_mounted:
        what = f"The session cookie is named {settings.session_cookie_name!r}: a neighbouring subdomain can replace it."
        yield "note", what, "export COSTREL_SESSION_COOKIE_NAME=__Host-session"


def _cookie_domain(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    domain = deployment.settings.session_cookie_domain
    if domain is not None:
        what = f"The session cookie goes to every host under {domain!r:.100}."
        yield "warning", what, "Unset COSTREL_SESSION_COOKIE_DOMAIN, or be sure of all those hosts."


def _session_lifetime(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    days = deployment.settings.session_lifetime_seconds / _DAY_SECONDS
    if deployment.settings.session_lifetime_seconds > _MAX_SESSION_SECONDS:
        what = f"A session lives {days:.0f} days, and a stolen cookie with it."
        yield "note", what, "export COSTREL_SESSION_LIFETIME_SECONDS=1209600"


def _body_limits(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    for name, most in (("max_body_bytes", _MAX_BODY_BYTES), ("max_multipart_bytes", _MAX_MULTIPART_BYTES)):
        value = getattr(deployment.settings, name)
        if value > most:
            what = f"`{name}` is {value // MIB} MiB on every route: a few clients fill memory and disk."
            yield "warning", what, "Raise the limit on the routes that need it: `request.max_body_bytes` in a layer."


def _threads(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    threads = deployment.settings.threads
    if threads > _MAX_THREADS:
        what = f"{threads} threads share one interpreter: they wait for each other."
        yield "warning", what, "export COSTREL_THREADS=40, or serve with more processes."
    elif threads < 2:
        what = "There is one thread for `def` handlers: each of them waits for all before it."
        yield "warning", what, "export COSTREL_THREADS=40"


def _thread_queue(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    seconds = deployment.settings.thread_queue_timeout_seconds
    if seconds > _MAX_QUEUE_SECONDS:
        what = f"A request waits {seconds:g} s for a thread: clients give up first, and the work is done for nobody."
        yield "warning", what, "export COSTREL_THREAD_QUEUE_TIMEOUT_SECONDS=5"


def _access_log(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    if not deployment.server.access_log:
        what = "The access log is off: nobody will know what was asked for."
        yield "warning", what, "Unset COSTREL_ACCESS_LOG, unless a proxy writes one."


def _slow_heads(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    seconds = deployment.server.header_timeout_seconds
    if seconds > _MAX_HEADER_SECONDS:
        what = f"A client may take {seconds:g} s for the head of a request: slow ones fill the connections."
        yield "warning", what, "export COSTREL_HEADER_TIMEOUT_SECONDS=10"


def _graceful(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    if deployment.server.graceful_timeout_seconds == 0:
        what = "A stop waits for nothing: each deployment breaks the requests under way."
        yield "warning", what, "export COSTREL_GRACEFUL_TIMEOUT_SECONDS=30"


def _misspelt(deployment: Deployment) -> Iterator[tuple[Level, str, str]]:
    known = {f"COSTREL_{each.name.upper()}" for each in (*fields(AppSettings), *fields(ServerSettings))}
    for name in sorted(deployment.environ):
        near = get_close_matches(name, known, n=1, cutoff=0.85)
        if near and name not in known:
            yield "warning", f"`{name}` is set, and nothing reads it.", f"Is {near[0]} meant?"


_MAKE_A_KEY = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'"

DEPLOY_CHECKS: Mapping[str, Check] = {
    "debug-on": _debug,
    "secret-key-missing": _key_missing,
    "secret-key-weak": _key_weak,
    "secret-key-of-development": _key_of_development,
    "base-url": _base_url,
    "allowed-hosts": _allowed_hosts,
    "proxies-missing": _proxies_missing,
    "proxies-too-wide": _proxies_wide,
    "session-cookie-insecure": _cookie_insecure,
    "session-cookie-name": _cookie_name,
    "session-cookie-domain": _cookie_domain,
    "session-lifetime": _session_lifetime,
    "body-limits": _body_limits,
    "threads": _threads,
    "thread-queue": _thread_queue,
    "access-log-off": _access_log,
    "header-timeout": _slow_heads,
    "graceful-timeout": _graceful,
    "variable-misspelt": _misspelt,
}
"""Every check by its name."""
