from __future__ import annotations

import pytest

from costrel.messages import Response
from costrel.sessions.privacy import keep_private


@pytest.mark.security("D9")
@pytest.mark.parametrize(
    ("said", "sets_cookie", "vary", "cache_control"),
    [
        pytest.param({}, False, "Cookie", "private", id="nothing-said"),
        pytest.param({}, True, "Cookie", "no-store", id="nothing-said-with-a-cookie"),
        pytest.param({"Vary": "Accept"}, False, "Accept, Cookie", "private", id="another-field"),
        pytest.param({"Vary": "cookie"}, True, "cookie", "no-store", id="the-cookie-already"),
        pytest.param({"Vary": "*"}, False, "*", "private", id="everything"),
        pytest.param({"Cache-Control": "max-age=9"}, False, "Cookie", "max-age=9", id="the-application-said"),
        pytest.param({"Cache-Control": "max-age=9"}, True, "Cookie", "no-store", id="shared-with-a-cookie"),
        pytest.param({"Cache-Control": "private"}, True, "Cookie", "private", id="private-with-a-cookie"),
    ],
)
def test_a_response_with_a_session_stays_out_of_shared_caches(said, sets_cookie, vary, cache_control):
    """What was said stays, unless a shared cache would keep a cookie; each field is there once."""
    response = Response("x", headers=said)
    keep_private(response, sets_cookie=sets_cookie)

    assert [vary] == response.headers.getlist("vary")
    assert [cache_control] == response.headers.getlist("cache-control")
