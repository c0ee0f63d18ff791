"""What real sites need around their handlers, one layer a file, each built on the public extension points alone.

A layer goes into ``use=[...]`` of an app, a blueprint or a route. What it needs to know is decided when it is made and
when it is bound to a route, so that a request meets one short function. A layer is imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costrel.layers.body_limit import BodyLimit
    from costrel.layers.cached_counting import CacheStats
    from costrel.layers.cached_function import StillComputing, cached
    from costrel.layers.cached_layer import Cached
    from costrel.layers.compress import Compress
    from costrel.layers.conditional_get import ConditionalGet
    from costrel.layers.cors import CORS
    from costrel.layers.csrf import CSRF
    from costrel.layers.csrf_rendering import csrf_field, csrf_token
    from costrel.layers.https_redirect import HTTPSRedirect
    from costrel.layers.idempotency import Idempotency
    from costrel.layers.limit import Limit
    from costrel.layers.maintenance import Maintenance
    from costrel.layers.request_id import RequestID
    from costrel.layers.security_headers import SecurityHeaders, csp_nonce
    from costrel.layers.timeout import Timeout
    from costrel.layers.trusted_hosts import TrustedHosts

__all__ = [
    "CORS",
    "CSRF",
    "BodyLimit",
    "CacheStats",
    "Cached",
    "Compress",
    "ConditionalGet",
    "HTTPSRedirect",
    "Idempotency",
    "Limit",
    "Maintenance",
    "RequestID",
    "SecurityHeaders",
    "StillComputing",
    "Timeout",
    "TrustedHosts",
    "cached",
    "csp_nonce",
    "csrf_field",
    "csrf_token",
]

_LATER = {
    "CORS": "costrel.layers.cors",
    "CSRF": "costrel.layers.csrf",
    "BodyLimit": "costrel.layers.body_limit",
    "CacheStats": "costrel.layers.cached_counting",
    "Cached": "costrel.layers.cached_layer",
    "Compress": "costrel.layers.compress",
    "ConditionalGet": "costrel.layers.conditional_get",
    "HTTPSRedirect": "costrel.layers.https_redirect",
    "Idempotency": "costrel.layers.idempotency",
    "Limit": "costrel.layers.limit",
    "Maintenance": "costrel.layers.maintenance",
    "RequestID": "costrel.layers.request_id",
    "SecurityHeaders": "costrel.layers.security_headers",
    "StillComputing": "costrel.layers.cached_function",
    "Timeout": "costrel.layers.timeout",
    "TrustedHosts": "costrel.layers.trusted_hosts",
    "cached": "costrel.layers.cached_function",
    "csp_nonce": "costrel.layers.security_headers",
    "csrf_field": "costrel.layers.csrf_rendering",
    "csrf_token": "costrel.layers.csrf_rendering",
}


def __getattr__(name: str) -> object:
    """Import a layer when it is first asked for."""
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module 'costrel.layers' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value
