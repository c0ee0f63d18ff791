from __future__ import annotations

import pytest

from costrel.http import TrustedProxies
from costrel.messages import Request, apply_forwarded

FIELDS = [
    (b"host", b"inside:8000"),
    (b"x-forwarded-for", b"203.0.113.7"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"example.org"),
    (b"x-forwarded-prefix", b"/shop"),
]


@pytest.mark.capability("C033")
def test_what_a_trusted_proxy_says_is_applied(scripted):
    """Client, scheme, host and prefix are the proxy's, also when the header fields were looked at before."""
    request = Request("GET", "/a", b"/a", b"", list(FIELDS), scripted(peer=("10.0.0.1", 5)))
    assert "inside" == request.host.partition(":")[0]
    del request._host
    apply_forwarded(request, TrustedProxies(("10.0.0.0/8",)))

    assert ("203.0.113.7", "https", "example.org", "/shop") == (
        request.client[0],
        request.scheme,
        request.host,
        request.root_path,
    )
    assert "https://example.org/a" == str(request.url)


@pytest.mark.capability("C033")
@pytest.mark.security("F4")
def test_nobody_else_is_believed(scripted):
    """The same fields from another peer change nothing."""
    request = Request("GET", "/a", b"/a", b"", list(FIELDS), scripted(peer=("198.51.100.1", 5)))
    apply_forwarded(request, TrustedProxies(("10.0.0.0/8",)))

    assert (("198.51.100.1", 5), "http", "inside", "") == (
        request.client,
        request.scheme,
        request.host,
        request.root_path,
    )
