"""`SecurityHeaders`: the header fields that tell a browser what a page may do, with safe values unless told otherwise.

All lines are made when the layer is, and a line that a handler has set stays as it is. Only a policy with a nonce is
put together for each request; see `csp_nonce`. What the values may be is checked in `header_options` and
`content_policy`.

Spec: CSP Level 3; RFC 6797; HTML §7.1.3; Fetch §3.7; Referrer Policy §4.1; Permissions Policy §5.
"""

from __future__ import annotations

import secrets

from costrel.errors import Mistake, OutsideRequest, ProgrammerError
from costrel.http import Headers
from costrel.layers.content_policy import NONCE, PolicyInput, format_policy
from costrel.layers.header_options import PermissionsInput, check_word, format_permissions, format_strict_transport
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView, current_request

__all__ = ["SecurityHeaders", "csp_nonce"]

DEFAULT_POLICY = "base-uri 'self'; object-src 'none'"

_FRAME_OPTIONS = ("DENY", "SAMEORIGIN")
_REFERRER_POLICIES = (
    "no-referrer",
    "no-referrer-when-downgrade",
    "same-origin",
    "origin",
    "strict-origin",
    "origin-when-cross-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
)


class SecurityHeaders:
    """Adds security header fields to every answer, errors and handshakes included; `None` leaves a field out.

    Args:
        csp: ``Content-Security-Policy``, as text or as directives with their sources. The source ``'nonce'`` stands
            for a fresh nonce in each request. By default only what no page misses is forbidden.
        csp_report_only: whether the policy is only reported on and not enforced.
        hsts_seconds: how long browsers must come over https; sent over https only. 0 takes an earlier promise back.
        hsts_subdomains: whether all names below the host are meant too.
        hsts_preload: whether the host may be put into the lists that come with browsers.
        frame_options: ``DENY`` or ``SAMEORIGIN``.
        referrer_policy: one of the eight policies.
        permissions_policy: text, or features with who may use them: ``{"camera": (), "geolocation": ("self",)}``.
        nosniff: whether browsers must believe ``Content-Type``.
        coop: ``Cross-Origin-Opener-Policy``, who may hold on to the window of a page.
        corp: ``Cross-Origin-Resource-Policy``, whose pages may embed an answer; ``cross-origin`` for what is public.
        coep: ``Cross-Origin-Embedder-Policy``, what a page may embed; ``require-corp`` isolates it.

    Raises:
        ConfigurationError: COS-LAYERS-001, a value that the field cannot have.
    """

    def __init__(
        self,
        *,
        csp: PolicyInput | None = DEFAULT_POLICY,
        csp_report_only: bool = False,
        hsts_seconds: int | None = 31_536_000,
        hsts_subdomains: bool = False,
        hsts_preload: bool = False,
        frame_options: str | None = "DENY",
        referrer_policy: str | None = "strict-origin-when-cross-origin",
        permissions_policy: PermissionsInput | None = None,
        nosniff: bool = True,
        coop: str | None = "same-origin",
        corp: str | None = "same-site",
        coep: str | None = None,
    ) -> None:
        policy = format_policy(csp) if csp is not None else None
        self._policy_name = "content-security-policy-report-only" if csp_report_only else "content-security-policy"
        self._policy_parts = policy.split(NONCE) if policy is not None and NONCE in policy else None
        lines = {
            self._policy_name: None if self._policy_parts else policy,
            "cross-origin-embedder-policy": check_word("coep", coep, ("unsafe-none", "require-corp", "credentialless")),
            "cross-origin-opener-policy": check_word(
                "coop", coop, ("unsafe-none", "same-origin-allow-popups", "same-origin", "noopener-allow-popups")
            ),
            "cross-origin-resource-policy": check_word("corp", corp, ("same-origin", "same-site", "cross-origin")),
            "permissions-policy": format_permissions(permissions_policy) if permissions_policy is not None else None,
            "referrer-policy": check_word("referrer_policy", referrer_policy, _REFERRER_POLICIES),
            "x-content-type-options": "nosniff" if nosniff else None,
            "x-frame-options": check_word("frame_options", frame_options, _FRAME_OPTIONS),
        }
        self._lines = {name: value for name, value in lines.items() if value is not None}
        self._strict_transport = format_strict_transport(hsts_seconds, hsts_subdomains, hsts_preload)

    def __repr__(self) -> str:
        return f"SecurityHeaders({', '.join(self._names())})"

    def _names(self) -> list[str]:
        names = {*self._lines}
        if self._policy_parts:
            names.add(self._policy_name)
        if self._strict_transport is not None:
            names.add("strict-transport-security")
        return sorted(names)

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer, the one with a nonce only where the policy has one."""
        plain = _Lines(self._lines)
        strict = self._strict_transport
        secure = plain if strict is None else _Lines({**self._lines, "strict-transport-security": strict})

        async def security_headers(request: Request, call_next: Dispatch) -> Response:
            response = await call_next(request)
            (secure if request.scheme == "https" else plain).add_to(response.headers)
            return response

        parts, policy_name = self._policy_parts, self._policy_name
        if parts is None:
            return security_headers

        async def security_headers_with_nonce(request: Request, call_next: Dispatch) -> Response:
            state = request.state
            if "csp_nonce" not in state:
                state.csp_nonce = secrets.token_urlsafe(16)
            source = f"'nonce-{state.csp_nonce}'"
            response = await security_headers(request, call_next)
            if response.status_code != 304:
                # What a client keeps has the nonce of its own policy, and a 304 would put another in its place.
                response.headers.setdefault(policy_name, source.join(parts))
            return response

        return security_headers_with_nonce

    def describe(self) -> LayerInfo:
        """Say which fields it sets."""
        return LayerInfo(response_headers=tuple(self._names()))


class _Lines:
    """Field lines that are added where they are missing."""

    __slots__ = ("_names", "_section")

    def __init__(self, lines: dict[str, str]) -> None:
        self._section = Headers(lines)
        self._names = frozenset(name for name, _ in self._section.raw)

    def add_to(self, headers: Headers) -> None:
        """Add all lines whose names are not there."""
        present = self._names.intersection([name for name, _ in headers.raw])
        if present:
            headers.extend(Headers.from_raw([line for line in self._section.raw if line[0] not in present]))
        else:
            headers.extend(self._section)


def csp_nonce() -> str:
    """Return the nonce of the current request, for the ``nonce`` attribute of a script or style.

    In templates it is ``request.state.csp_nonce``, or this function once it was given to `App.template_global`.

    Raises:
        OutsideRequest: there is no request.
        ProgrammerError: COS-LAYERS-003, no `SecurityHeaders` with a nonce stands around the handler.
    """
    request = current_request.get(None)
    if request is None:
        raise OutsideRequest("csp_nonce")
    if "csp_nonce" not in request.state:
        raise ProgrammerError(
            Mistake(
                "COS-LAYERS-003",
                "`csp_nonce()` was called, and the request has no nonce.",
                why="A nonce is made by a layer whose policy has the source `'nonce'`, around this handler.",
                fix="""use=[SecurityHeaders(csp={"script-src": ["'self'", "'nonce'"]})]""",
            )
        )
    return str(request.state.csp_nonce)
