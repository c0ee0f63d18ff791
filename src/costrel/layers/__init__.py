"""What real sites need around their handlers, one layer a file, each built on the public extension points alone.

A layer goes into ``use=[...]`` of an app, a blueprint or a route. What it needs to know is decided when it is made and
when it is bound to a route, so that a request meets one short function. A layer is imported when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costrel.layers.body_limit import BodyLimit
    from costrel.layers.compress import Compress
    from costrel.layers.conditional_get import ConditionalGet
    from costrel.layers.cors import CORS
    from costrel.layers.https_redirect import HTTPSRedirect
    from costrel.layers.maintenance import Maintenance
    from costrel.layers.request_id import RequestID
    from costrel.layers.security_headers import SecurityHeaders, csp_nonce
    from costrel.layers.timeout import Timeout
    from costrel.layers.trusted_hosts import TrustedHosts

__all__ = [
    "CORS",
    "BodyLimit",
    "Compress",
    "ConditionalGet",
    "HTTPSRedirect",
    "Maintenance",
    "RequestID",
    "SecurityHeaders",
    "Timeout",
    "TrustedHosts",
    "csp_nonce",
]

_LATER = {
    "CORS": "costrel.layers.cors",
    "BodyLimit": "costrel.layers.body_limit",
    "Compress": "costrel.layers.compress",
    "ConditionalGet": "costrel.layers.conditional_get",
    "HTTPSRedirect": "costrel.layers.https_redirect",
    "Maintenance": "costrel.layers.maintenance",
    "RequestID": "costrel.layers.request_id",
    "SecurityHeaders": "costrel.layers.security_headers",
    "Timeout": "costrel.layers.timeout",
    "TrustedHosts": "costrel.layers.trusted_hosts",
    "csp_nonce": "costrel.layers.security_headers",
}


def __getattr__(name: str) -> object:
    """Import a layer when it is first asked for."""
    home = _LATER.get(name)
    if home is None:
        raise AttributeError(f"module 'costrel.layers' has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value
