"""`CORS`: which pages of other sites may read the answers of this one.

A browser asks before it sends what a form could not: OPTIONS with ``Origin`` and ``Access-Control-Request-Method``,
the preflight. The layer answers it by itself, with 204. Every other answer, an error or a stream too, gets the fields
that let the page read it. An origin that is not allowed gets none of them and is never repeated.

A preflight matches no route. What passes through the layer of an app, or of a blueprint with a prefix, is answered
there and then. Any other is answered by the layer around the route that the request to come would reach; so a layer may
be given to one route alone. The handshake of a WebSocket is not subject to CORS; its origin is checked by the route.

Spec: Fetch Standard §3.2 (HTTP-network CORS protocol); RFC 6454 §7; Private Network Access §3.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from costrel.errors import ConfigurationError, Mistake
from costrel.http import is_token
from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView

__all__ = ["CORS"]

_EXAMPLE = 'CORS(origins=["https://app.example.com"])'
_MAX_ORIGIN_BYTES = 300  # a name has at most 253; nothing longer is given to a pattern
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_split_origin = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?").fullmatch
_PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
# Fetch §2.2.2: with these the browser needs no permission; it names them only when their values are unusual.
_SAFE_HEADERS = frozenset({"accept", "accept-language", "content-language"})


class CORS:
    """Lets pages of other origins read the answers inside.

    Args:
        origins: scheme, host and port, for example ``https://app.example.com`` or ``http://localhost:5173``; the
            default port may be written or not. ``"*"`` is everybody, ``"null"`` pages without an origin, such as files
            and sandboxed frames; each only when it is listed.
        origin_regex: a pattern for further origins. It must match the whole origin, in lower case without a default
            port, and a dot in it is written ``\\.``.
        methods: the methods that may be asked for, in upper case.
        headers: the request fields that a page may set; ``"*"`` is all of them.
        expose: the response fields that a page may read, beside those that it always may.
        credentials: whether the page may send cookies and read what comes back.
        max_age_seconds: how long a browser remembers the answer to a preflight.
        private_network: whether pages of the public network may reach this server in a private one.

    Raises:
        ConfigurationError: COS-LAYERS-001, an option that cannot be meant; COS-LAYERS-010, everybody with credentials;
            COS-LAYERS-011, a dot in `origin_regex` that stands for any character.
    """

    def __init__(
        self,
        origins: Sequence[str] = (),
        *,
        origin_regex: str | None = None,
        methods: Sequence[str] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        headers: Sequence[str] = ("content-type",),
        expose: Sequence[str] = (),
        credentials: bool = False,
        max_age_seconds: int = 600,
        private_network: bool = False,
    ) -> None:
        options = {"origins": origins, "methods": methods, "headers": headers, "expose": expose}
        for option, values in options.items():
            if isinstance(values, str):
                raise wrong_option("CORS", option, values, "It is a list of texts.", f"CORS({option}=[{values!r}])")
        for option, names in (("methods", methods), ("headers", headers), ("expose", expose)):
            for name in names:
                if not is_token(name.encode("ascii", "replace")):
                    raise wrong_option("CORS", option, name, "It is no name that HTTP knows.")
        if isinstance(max_age_seconds, bool) or not isinstance(max_age_seconds, int) or max_age_seconds < 0:
            raise wrong_option(
                "CORS", "max_age_seconds", max_age_seconds, "It is a whole number of seconds, 0 or more."
            )
        if credentials and "*" in expose:
            raise wrong_option("CORS", "expose", "*", "With credentials, `*` is the name of a field. Name the fields.")
        if "*" in methods:
            raise wrong_option("CORS", "methods", "*", "Methods are named one by one.")
        if not origins and origin_regex is None:
            raise wrong_option("CORS", "origins", origins, "Nobody would be allowed.", _EXAMPLE)
        self._is_public = "*" in origins
        if self._is_public and credentials:
            raise _everybody_with_credentials()
        self._origins = frozenset(_listed(origin) for origin in origins if origin != "*")
        self._matches = _compile(origin_regex).fullmatch if origin_regex is not None else None
        self._methods = frozenset(methods)
        self._headers = frozenset(name.lower() for name in headers) | _SAFE_HEADERS
        self._any_header = "*" in headers
        self._private_network = private_network
        self._answer_fields: list[tuple[str, str]] = []
        self._preflight_fields = [
            ("access-control-allow-methods", ", ".join(methods)),
            ("access-control-max-age", str(max_age_seconds)),
        ]
        if credentials:
            self._answer_fields.append(("access-control-allow-credentials", "true"))
            self._preflight_fields.append(("access-control-allow-credentials", "true"))
        if expose:
            self._answer_fields.append(("access-control-expose-headers", ", ".join(expose)))
        self._allowed_headers = ", ".join(name for name in headers if name != "*")

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer; it is the same for every route."""
        is_public, answer_fields = self._is_public, self._answer_fields

        async def cors(request: Request, call_next: Dispatch) -> Response:
            origin = request.headers.get_raw(b"origin")
            if origin is not None:
                if request.is_websocket:
                    return await call_next(request)
                if request.method == "OPTIONS" and "access-control-request-method" in request.headers:
                    return self.answer_preflight(request)
            response = await call_next(request)
            if request.is_websocket:
                return response
            fields = response.headers
            if is_public:
                fields["access-control-allow-origin"] = "*"
            else:
                # The answer to another origin is another one, so this holds without an origin and for a wrong one too.
                if fields.get_raw(b"vary") is None:
                    fields.add(b"vary", b"Origin")
                else:
                    fields.vary("Origin")
                allowed = self._allowed_origin(request) if origin is not None else None
                if allowed is None:
                    return response
                fields["access-control-allow-origin"] = allowed
            for name, value in answer_fields:
                fields[name] = value
            return response

        return cors

    def describe(self) -> LayerInfo:
        """Say what it reads and sets."""
        return LayerInfo(
            request_headers=("origin",),
            response_headers=("access-control-allow-origin", *(name for name, _ in self._answer_fields)),
        )

    def _allowed_origin(self, request: Request) -> str | None:
        """Return what the answer says of the request's origin, `None` when it is not allowed."""
        values = request.headers.getlist("origin")
        # SECURITY: of two origins, one might be checked and the other used.
        if len(values) != 1 or len(values[0]) > _MAX_ORIGIN_BYTES:
            return None
        origin = values[0]
        if self._is_public:
            return "*"
        normal = "null" if origin == "null" else _normalised(origin)
        if normal is None:
            return None
        if normal in self._origins or (normal != "null" and self._matches is not None and self._matches(normal)):
            return origin
        return None

    def answer_preflight(self, request: Request) -> Response:
        """Answer a preflight; what is refused gets 204 without a permission, which browsers read as no."""
        response = Response(None, 204, {"Vary": _PREFLIGHT_VARY})
        allowed = self._allowed_origin(request)
        if allowed is None or request.headers["access-control-request-method"] not in self._methods:
            return response
        asked = request.headers.get_combined("access-control-request-headers") or ""
        names = [name.strip(" \t").lower() for name in asked.split(",") if name.strip(" \t")]
        if not self._allows_headers(names):
            return response
        fields = response.headers
        if request.headers.get("access-control-request-private-network") == "true":
            if not self._private_network:
                return response
            fields["access-control-allow-private-network"] = "true"
        fields["access-control-allow-origin"] = allowed
        for name, value in self._preflight_fields:
            fields[name] = value
        allowed_headers = ", ".join(names) if self._any_header else self._allowed_headers
        if allowed_headers:
            fields["access-control-allow-headers"] = allowed_headers
        return response

    def _allows_headers(self, names: list[str]) -> bool:
        if self._any_header:
            return all(is_token(name.encode("latin-1", "replace")) for name in names)
        return self._headers.issuperset(names)


def _normalised(origin: str) -> str | None:
    """Return an origin in lower case without a default port, `None` for what is none."""
    found = _split_origin(origin.lower()) if origin.isascii() else None
    if found is None:
        return None
    scheme, host, port = found.groups()
    if port is None or port == _DEFAULT_PORTS.get(scheme):
        return f"{scheme}://{host}"
    return f"{scheme}://{host}:{port}"


def _listed(origin: str) -> str:
    """Return an origin of the list as it is compared."""
    normal = "null" if origin == "null" else _normalised(origin)
    if normal is None:
        why = (
            "An origin is a scheme, a host and perhaps a port; no path, no final slash, and names beyond ASCII as xn--."
        )
        raise wrong_option("CORS", "origins", origin, why, _EXAMPLE)
    return normal


def _has_open_dot(pattern: str) -> bool:
    """Whether a dot in a pattern stands for any character: without a backslash, and outside of a set."""
    set_from = -1
    skipped = -1
    for index, character in enumerate(pattern):
        if index == skipped:
            continue
        if character == "\\":
            skipped = index + 1
        elif set_from >= 0:
            # The first member of a set may be a bracket.
            if character == "]" and index > set_from:
                set_from = -1
        elif character == "[":
            set_from = index + (2 if pattern[index + 1 : index + 2] == "^" else 1)
        elif character == ".":
            return True
    return False


def _compile(pattern: str) -> re.Pattern[str]:
    """Compile the pattern for origins.

    SECURITY: a dot that stands for any character lets in ``https://apiXexample.com``, and ``.*`` before a name
    ``https://evilexample.com``.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise wrong_option("CORS", "origin_regex", pattern, f"It is no regular expression: {error}.") from None
    if _has_open_dot(pattern):
        raise ConfigurationError(
            Mistake(
                "COS-LAYERS-011",
                f"`CORS` was given `origin_regex={pattern[:200]!r}`, with a dot that stands for any character.",
                why="It would allow names that anybody can register, such as `apiXexample.com`.",
                fix=r'CORS(origin_regex=r"https://[a-z0-9-]+\.example\.com")',
            )
        )
    return compiled


def _everybody_with_credentials() -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-LAYERS-010",
            '`CORS` was given `origins=["*"]` together with `credentials=True`.',
            why="Every page in the world could read what your users may read. Browsers refuse the combination.",
            fix=f"{_EXAMPLE[:-1]}, credentials=True)",
        )
    )
