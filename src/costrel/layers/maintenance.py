"""`Maintenance`: while a switch is on, requests are answered with 503 and told when to come back.

The switch is a file that is there, a function, or a variable of the environment. A variable is read once, when the
layer is made; with it off the layer is left out of the application. A file is looked at once a second.

Spec: RFC 9110 §15.6.4, §10.2.3.
"""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Collection
from inspect import iscoroutinefunction
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TypeAlias, cast

from costrel.errors import ServiceUnavailable
from costrel.http import canonical_ip
from costrel.layers.exempt_paths import exempt_paths
from costrel.layers.mistakes import wrong_option
from costrel.messages import Dispatch, Layer, LayerInfo, Request, Response, RouteView

__all__ = ["Maintenance"]

LOOK_EVERY_SECONDS = 1.0

Switch: TypeAlias = Callable[[], bool] | Callable[[], Awaitable[bool]] | Path | str
Allow: TypeAlias = Callable[[Request], bool] | Collection[str]

_OFF = ("", "0", "false", "no", "off")


class Maintenance:
    """Answers 503 with ``Retry-After`` while `is_on`, to everybody who is not allowed in.

    Browsers get a page and programs problem details; an error handler for 503 makes another answer of it.

    Args:
        is_on: a function of no arguments, called for each request on the event loop, so quick, or ``async def``; the
            `Path` of a file that is there during maintenance; or the name of a variable of the environment, off when
            it is unset, empty, ``0``, ``false``, ``no`` or ``off``.
        retry_after_seconds: when clients are asked to come back.
        detail: one sentence for the client.
        allow: who is served all the same: addresses and networks of clients, such as ``10.0.0.0/8``, or a function of
            the request.
        exempt: paths that are served all the same, such as ``/health`` or ``/static/*``.

    Raises:
        ConfigurationError: COS-LAYERS-001, an option that cannot be.
    """

    def __init__(
        self,
        is_on: Switch,
        *,
        retry_after_seconds: int = 120,
        detail: str = "This service is being maintained and will be back soon.",
        allow: Allow = (),
        exempt: Collection[str] = (),
    ) -> None:
        if not (callable(is_on) or isinstance(is_on, Path) or (isinstance(is_on, str) and is_on)):
            why = "It is a function, the `Path` of a file, or the name of a variable of the environment."
            raise wrong_option("Maintenance", "is_on", is_on, why, 'Maintenance(Path("/run/shop/maintenance"))')
        if isinstance(retry_after_seconds, bool) or not isinstance(retry_after_seconds, int) or retry_after_seconds < 0:
            why = "`Retry-After` is a whole number of seconds (RFC 9110 §10.2.3)."
            raise wrong_option("Maintenance", "retry_after_seconds", retry_after_seconds, why)
        self._is_on = is_on
        self._retry_after_seconds = retry_after_seconds
        self._detail = detail
        self._is_allowed = allow if callable(allow) else _from_networks(allow)
        self._is_exempt = exempt_paths("Maintenance", exempt)

    def __repr__(self) -> str:
        return f"Maintenance({self._is_on!r})"

    def bind(self, route: RouteView) -> Layer | None:
        """Return the layer that asks the switch, or `None` when the switch is a variable that is off."""
        is_on, refuse_unless_allowed = self._is_on, self._refuse_unless_allowed
        if isinstance(is_on, str):
            if os.environ.get(is_on, "").strip().lower() in _OFF:
                return None

            def always_maintained(request: Request, call_next: Dispatch) -> Awaitable[Response]:
                refuse_unless_allowed(request)
                return call_next(request)

            return always_maintained
        if iscoroutinefunction(is_on):

            async def maintenance_asked(request: Request, call_next: Dispatch) -> Response:
                if await is_on():
                    refuse_unless_allowed(request)
                return await call_next(request)

            return maintenance_asked
        switch = _file_switch(is_on) if isinstance(is_on, Path) else cast("Callable[[], bool]", is_on)

        def maintenance(request: Request, call_next: Dispatch) -> Awaitable[Response]:
            if switch():
                refuse_unless_allowed(request)
            return call_next(request)

        return maintenance

    def _refuse_unless_allowed(self, request: Request) -> None:
        if not (self._is_exempt(request.route_path) or self._is_allowed(request)):
            headers = {"Retry-After": str(self._retry_after_seconds), "Cache-Control": "no-store"}
            raise ServiceUnavailable(self._detail, headers=headers)

    def describe(self) -> LayerInfo:
        """Say that the answer may be 503."""
        return LayerInfo({503: self._detail}, response_headers=("retry-after",))


def _file_switch(path: Path) -> Callable[[], bool]:
    """Return whether a file is there, looked at once a second at most."""
    looked_at, was_there = -LOOK_EVERY_SECONDS, False

    def is_there() -> bool:
        nonlocal looked_at, was_there
        now = time.monotonic()
        if now - looked_at >= LOOK_EVERY_SECONDS:
            # One look at the file system takes microseconds, less than a thread to do it in.
            looked_at, was_there = now, os.path.lexists(path)
        return was_there

    return is_there


def _from_networks(allow: Collection[str]) -> Callable[[Request], bool]:
    """Return whether the client of a request is in one of the networks."""
    if isinstance(allow, str):
        raise wrong_option("Maintenance", "allow", allow, "It is a list of networks.", f"allow=[{allow!r}]")
    networks = []
    for text in allow:
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            why = f"It is the address of a client or of a network: {error}."
            raise wrong_option("Maintenance", "allow", text, why, 'allow=["10.0.0.0/8", "::1"]') from None

    def is_allowed(request: Request) -> bool:
        client = request.client
        if client is None or not networks:
            return False
        canonical = canonical_ip(client[0])
        return canonical is not None and any(ip_address(canonical) in network for network in networks)

    return is_allowed
