"""Requests that a page of another site has a real browser send."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.browser.two_origins import ALLOWED, BELOW, HERE, PATIENCE_SECONDS, STRANGER, Origins, two_origins

pytestmark = pytest.mark.browser

CHANGE = f"{HERE}/shop/change"
SEND_FORM = """([action, encoding]) => {
  const form = document.createElement("form");
  Object.assign(form, { action, method: "post", enctype: encoding });
  form.innerHTML = "<input name='what' value='form'>";
  document.body.append(form);
  form.submit();
}"""
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


@pytest.fixture(scope="module")
def origins(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origins]:
    """The sites and a browser."""
    with two_origins(browser, tmp_path_factory.mktemp("origins")) as started:
        yield started


def send_form(page: Any, action: str = CHANGE, encoding: str = FORMS[0]) -> tuple[int, dict[str, str]]:
    """Send a form from a page, and return the status of the answer and the header fields that were sent."""
    with page.expect_navigation() as navigation:
        page.evaluate(SEND_FORM, [action, encoding])
    response = navigation.value
    return response.status, response.request.all_headers()


@pytest.mark.capability("C095")
@pytest.mark.security("G9")
@pytest.mark.parametrize("encoding", FORMS)
@pytest.mark.parametrize(
    ("origin", "expected", "site"),
    [
        pytest.param(HERE, 200, "same-origin", id="own-page"),
        pytest.param(ALLOWED, 403, "cross-site", id="other-site"),
        pytest.param(BELOW, 403, "same-site", id="neighbouring-host"),
    ],
)
def test_a_form_is_taken_from_own_pages_alone(
    origins: Origins, origin: str, expected: int, site: str, encoding: str
) -> None:
    """The cookie of the member goes along each time, no form has a token, and the browser tells where it is from."""
    with origins.visit(f"{origin}/", is_member=True) as page:
        status_code, sent = send_form(page, encoding=encoding)

    assert (expected, site, "member=ann") == (status_code, sent["sec-fetch-site"], sent["cookie"])
    assert (1 if expected == 200 else 0) == len(origins.changes)


def test_a_visitor_is_told(origins: Origins) -> None:
    """The answer is a page, for a person sees it."""
    with origins.visit(f"{ALLOWED}/") as page:
        send_form(page)

        assert page.get_by_text("A page of another site has sent this request.").is_visible()


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_own_script_sends_json(origins: Origins, method: str) -> None:
    """It needs neither a token nor a field of its own."""
    with origins.visit(f"{HERE}/", is_member=True) as page:
        found = origins.ask(page, CHANGE, method=method, body="{}", headers={"content-type": "application/json"})

    assert (200, ["{} ann"]) == (found[1], origins.changes)


@pytest.mark.security("G10")
@pytest.mark.parametrize(
    ("origin", "options"),
    [
        pytest.param(STRANGER, {"mode": "no-cors"}, id="without-asking"),
        pytest.param(BELOW, {"mode": "no-cors"}, id="without-asking-from-the-neighbour"),
        pytest.param(ALLOWED, {"headers": {"content-type": "application/json"}}, id="by-who-may-read"),
        pytest.param(ALLOWED, {"headers": {"x-key": "1"}}, id="with-a-field-of-its-own"),
    ],
)
def test_a_script_of_another_site_changes_nothing(origins: Origins, origin: str, options: dict[str, Any]) -> None:
    """Who may read the answers of a site may not change it with its visitors' cookies."""
    with origins.visit(f"{origin}/", is_member=True) as page:
        found = origins.ask(page, CHANGE, method="POST", body=json.dumps({}), credentials="include", **options)

    assert found[:2] in (["opaque", 0], ["cors", 403])
    assert [] == origins.changes


def test_a_beacon_of_another_site_changes_nothing(origins: Origins) -> None:
    """It is sent without waiting for anybody, with cookies."""
    with origins.visit(f"{ALLOWED}/", is_member=True) as page:
        assert page.evaluate("url => navigator.sendBeacon(url, 'x')", CHANGE)

        assert (ALLOWED, 403) == origins.answers.get(timeout=PATIENCE_SECONDS)
    assert [] == origins.changes


@pytest.mark.security("G2")
def test_a_frame_in_a_sandbox_changes_nothing(origins: Origins) -> None:
    """It has no origin, whichever page it stands in."""
    with origins.visit(f"{HERE}/", is_member=True) as page:
        page.evaluate(
            """action => { const frame = document.createElement("iframe"); frame.sandbox = "allow-forms";
            frame.srcdoc = `<form method="post" action="${action}"><button>Send</button></form>`;
            document.body.append(frame); }""",
            CHANGE,
        )
        page.frame_locator("iframe").get_by_role("button", name="Send").click()

        assert ("null", 403) == origins.answers.get(timeout=PATIENCE_SECONDS)
    assert [] == origins.changes


def test_a_form_with_its_token_comes_back(origins: Origins) -> None:
    """The cookie that goes with it is this host's alone, and no script sees it."""
    with origins.visit(f"{HERE}/shop/form") as page:
        (cookie,) = page.context.cookies()
        with page.expect_navigation() as navigation:
            page.get_by_role("button", name="Send").click()

        assert (200, ["form nobody"]) == (navigation.value.status, origins.changes)
        assert ("__Host-csrf", "a.test", True, True, "Lax") == tuple(
            cookie[name] for name in ("name", "domain", "secure", "httpOnly", "sameSite")
        )


@pytest.mark.parametrize(
    ("page_at", "expected"),
    [
        pytest.param("http://a.test", 200, id="own-page"),
        pytest.param("http://b.test", 403, id="other-site"),
        pytest.param("http://x.a.test", 403, id="neighbouring-host"),
    ],
)
def test_without_tls_the_origin_tells(origins: Origins, page_at: str, expected: int) -> None:
    """Over http browsers send no `Sec-Fetch-Site` and compare nothing; `Origin` is there all the same."""
    with origins.visit(f"{page_at}/") as page:
        status_code, sent = send_form(page, "http://a.test/shop/change")

    assert (expected, None, page_at) == (status_code, sent.get("sec-fetch-site"), sent["origin"])
    assert (1 if expected == 200 else 0) == len(origins.changes)


def test_a_page_without_tls_sends_nothing_to_the_one_with(origins: Origins) -> None:
    """Somebody between could have written it."""
    with origins.visit("http://a.test/", is_member=True) as page:
        assert 403 == send_form(page)[0]

    assert [] == origins.changes
