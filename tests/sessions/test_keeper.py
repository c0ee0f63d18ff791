from __future__ import annotations

import logging

import pytest

from costrel.app import App
from costrel.errors import ConfigurationError, MissingSecretKey, SessionTooLarge
from costrel.execution import Outcome
from costrel.http import MAX_SET_COOKIE_BYTES
from costrel.messages import AppSettings, Response
from costrel.sessions.keeper import SessionKeeper
from costrel.sessions.session import CookieSession
from costrel.testing import FrozenClock, make_request

KEY = "k" * 32
LIFETIME_SECONDS = 1000


def keeper_of(clock=None, *, refresh=True, **settings) -> SessionKeeper:
    settings = {"secret_key": KEY, "session_lifetime_seconds": LIFETIME_SECONDS, **settings}
    return SessionKeeper(AppSettings(**settings), refresh=refresh, clock=clock or FrozenClock())


def request_with(cookie=None, url="/", peer="10.0.0.9", host=None):
    headers = {name: value for name, value in (("Cookie", cookie), ("Host", host)) if value is not None}
    request = make_request(App(extensions=()), "GET", url, headers=headers)
    request.client = (peer, 50000)
    return request


def save(keeper, change, cookie=None, *, request=None, response=None):
    """Open the session of a request, change it, and return the response it was saved into."""
    request = request or request_with(cookie)
    response = response or Response("x")
    session = CookieSession(keeper, request)
    change(session)
    keeper.save(request, session, response)
    return response


def cookie_of(response) -> str | None:
    values = response.headers.getlist("set-cookie")
    assert len(values) <= 1
    return values[0] if values else None


def sent_back(response) -> str:
    return cookie_of(response).partition(";")[0]


def set_user(session) -> None:
    session["user"] = 7


def test_an_untouched_session_leaves_the_response_alone():
    """Nothing was read, so nothing depends on the cookie."""
    response = save(keeper_of(), lambda session: None)

    assert response.has_plain_head


@pytest.mark.security("D9")
def test_a_session_that_was_only_read_keeps_the_answer_out_of_shared_caches():
    """An answer that looked at the session varies with the cookie and is private; the cookie stays as it is."""
    response = save(keeper_of(), lambda session: session.get("user"))

    assert (None, "Cookie", "private") == (
        cookie_of(response),
        response.headers["vary"],
        response.headers["cache-control"],
    )


@pytest.mark.security("D9")
@pytest.mark.security("D10")
def test_a_session_that_was_changed_is_written_and_stored_nowhere():
    """The cookie is hidden from scripts, sent over https and not across sites, and the answer is not stored."""
    response = save(keeper_of(), set_user)
    value, _, attributes = cookie_of(response).partition(";")

    assert value.startswith("session=ey")
    assert " Path=/; Secure; HttpOnly; SameSite=Lax" == attributes
    assert ("Cookie", "no-store") == (response.headers["vary"], response.headers["cache-control"])


def look(session) -> None:
    session.get("user")


@pytest.mark.security("D9")
@pytest.mark.parametrize(
    ("change", "said", "expected"),
    [
        pytest.param(look, "public, max-age=60", "public, max-age=60", id="public-and-only-read"),
        pytest.param(look, "no-cache", "no-cache", id="no-cache-and-only-read"),
        pytest.param(set_user, "private, max-age=60", "private, max-age=60", id="private"),
        pytest.param(set_user, "no-store", "no-store", id="no-store"),
        pytest.param(set_user, "public, max-age=60", "no-store", id="public-with-a-cookie"),
        pytest.param(set_user, "no-cache", "no-store", id="shared-with-a-cookie"),
    ],
)
def test_what_the_application_says_of_caching_stays_unless_a_cache_would_share_a_cookie(change, said, expected):
    """A stored answer with a session cookie in it would log others in."""
    response = save(keeper_of(), change, response=Response("x", headers={"Cache-Control": said}))

    assert [expected] == response.headers.getlist("cache-control")


def test_a_session_goes_round():
    """What was set comes back with the next request, and reading alone writes nothing."""
    keeper = keeper_of()
    cookie = sent_back(save(keeper, set_user))
    seen = []
    response = save(keeper, lambda session: seen.append((session["user"], session.is_new)), cookie)

    assert [(7, False)] == seen
    assert cookie_of(response) is None


def test_clearing_a_session_deletes_its_cookie():
    """An empty session needs no cookie."""
    keeper = keeper_of()
    response = save(keeper, lambda session: session.clear(), sent_back(save(keeper, set_user)))

    assert cookie_of(response).startswith("session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/")


def test_a_new_session_that_ends_empty_sets_no_cookie():
    """There is nothing to delete."""
    response = save(keeper_of(), lambda session: (set_user(session), session.clear()))

    assert (None, "private") == (cookie_of(response), response.headers["cache-control"])


@pytest.mark.security("D5")
@pytest.mark.parametrize("cookie", ["session=x", "session=", "session=eyJhIjoxfQ.ZVPxAA.AAAA"])
def test_a_cookie_that_is_not_valid_is_an_empty_session_and_is_deleted(cookie):
    """A client with a broken cookie is rid of it after one answer."""
    seen = []
    response = save(keeper_of(), lambda session: seen.append((dict(session), session.is_new)), cookie)

    assert [({}, True)] == seen
    assert "; Max-Age=0;" in cookie_of(response)
    assert "no-store" == response.headers["cache-control"]


def test_a_broken_cookie_is_replaced_by_a_new_session():
    """Only one cookie is set when the session that takes its place has content."""
    response = save(keeper_of(), set_user, "session=x")

    assert sent_back(response).startswith("session=ey")


def test_a_permanent_session_outlives_the_browser():
    """Its cookie has the lifetime of the settings."""
    response = save(keeper_of(), lambda session: (set_user(session), setattr(session, "permanent", True)))

    assert f"; Max-Age={LIFETIME_SECONDS};" in cookie_of(response)


@pytest.mark.parametrize(
    ("age_seconds", "permanent", "refresh", "is_renewed"),
    [
        pytest.param(99, True, True, False, id="young"),
        pytest.param(100, True, True, True, id="a-tenth-of-its-lifetime"),
        pytest.param(1000, True, True, True, id="at-its-end"),
        pytest.param(500, False, True, False, id="ends-with-the-browser"),
        pytest.param(500, True, False, False, id="renewal-is-off"),
    ],
)
def test_a_permanent_session_is_renewed_while_it_is_used(age_seconds, permanent, refresh, is_renewed):
    """A session that outlives the browser ends when it was not used for long, not while it is used."""
    clock = FrozenClock()
    keeper = keeper_of(clock, refresh=refresh)
    first = save(keeper, lambda session: (set_user(session), setattr(session, "permanent", permanent)))
    clock.advance(age_seconds)
    response = save(keeper, lambda session: session["user"], sent_back(first))

    assert is_renewed == (cookie_of(response) is not None)


@pytest.mark.security("D6")
@pytest.mark.parametrize(("age_seconds", "is_new"), [(999, False), (1000, False), (1001, True)])
def test_a_session_ends_with_its_lifetime(age_seconds, is_new):
    """An older cookie is as good as none."""
    clock = FrozenClock()
    keeper = keeper_of(clock)
    cookie = sent_back(save(keeper, set_user))
    clock.advance(age_seconds)
    seen = []
    save(keeper, lambda session: seen.append(session.is_new), cookie)

    assert [is_new] == seen


@pytest.mark.security("D11")
def test_a_session_that_is_too_large_is_an_error_in_debug_mode():
    """The developer learns of it at once, with the size."""
    with pytest.raises(SessionTooLarge, match=r"would be \d+ bytes; browsers keep at most 4093"):
        save(keeper_of(debug=True), lambda session: session.update(text=_noise(4100)))


@pytest.mark.security("D11")
def test_a_session_that_is_too_large_is_refused_and_logged_in_production(caplog):
    """The client keeps the session it has, and the log says so."""
    with caplog.at_level(logging.ERROR, logger="costrel.sessions"):
        response = save(keeper_of(), lambda session: session.update(text=_noise(4100)))

    assert cookie_of(response) is None
    assert ["session_too_large"] == [record.getMessage().partition(" ")[0] for record in caplog.records]


@pytest.mark.security("D11")
@pytest.mark.parametrize("permanent", [False, True])
def test_the_limit_counts_the_whole_field(permanent):
    """Every session is set in a field that browsers keep or refused, and nothing that would fit is refused."""
    kept, refused = [], []
    for count in range(3720, 3780):
        try:
            response = save(
                keeper_of(debug=True),
                lambda session, count=count: session.update(text=_noise(count), _permanent=permanent),
            )
            kept.append(len(cookie_of(response)))
        except SessionTooLarge as error:
            refused.append(int(str(error).partition("would be ")[2].partition(" ")[0]))

    assert MAX_SET_COOKIE_BYTES - 3 <= max(kept) <= MAX_SET_COOKIE_BYTES
    assert MAX_SET_COOKIE_BYTES < min(refused) <= MAX_SET_COOKIE_BYTES + 3


def _noise(count: int) -> str:
    """Make text that does not get shorter by compressing it."""
    state, characters = 1, []
    for _ in range(count):
        state = state * 1_103_515_245 + 12_345 & 0x7FFFFFFF
        characters.append(chr(48 + (state >> 16) % 75).replace("\\", "~"))
    return "".join(characters)


@pytest.mark.parametrize(
    ("settings", "host", "peer", "is_secure"),
    [
        pytest.param({}, "localhost", "127.0.0.1", True, id="production-on-loopback"),
        pytest.param({"debug": True}, "localhost", "127.0.0.1", False, id="debug-on-loopback"),
        pytest.param({"debug": True}, "app.localhost:8000", "::1", False, id="debug-below-localhost"),
        pytest.param({"debug": True}, "127.0.0.1:8000", "::ffff:127.0.0.1", False, id="debug-by-address"),
        pytest.param({"debug": True}, "[::1]:8000", "::1", False, id="debug-by-ipv6-address"),
        pytest.param({"debug": True}, "localhost", "192.0.2.1", True, id="debug-from-elsewhere"),
        pytest.param({"debug": True}, "shop.example", "127.0.0.1", True, id="debug-through-a-tunnel"),
        pytest.param({"debug": True}, "localhost", "somewhere", True, id="debug-from-no-address"),
        pytest.param({"session_cookie_secure": False}, "localhost", "192.0.2.1", False, id="said-no"),
        pytest.param({"session_cookie_secure": True, "debug": True}, "localhost", "::1", True, id="said-yes"),
        pytest.param({"session_cookie_name": "__Host-session", "debug": True}, "localhost", "::1", True, id="by-name"),
    ],
)
@pytest.mark.security("D10")
def test_the_cookie_is_secure_but_for_development_on_this_machine(settings, host, peer, is_secure):
    """`Secure` is left out in debug mode over plain http on loopback only, unless the settings say something else."""
    keeper = keeper_of(**settings)
    response = save(keeper, set_user, request=request_with(host=host, peer=peer))

    assert is_secure == ("; Secure" in cookie_of(response))


def test_over_https_the_cookie_is_secure_in_debug_mode_too():
    """Where the connection is secure there is no reason to leave it out."""
    request = request_with(url="https://localhost/", peer="127.0.0.1")

    assert "; Secure" in cookie_of(save(keeper_of(debug=True), set_user, request=request))


def test_without_a_peer_the_cookie_is_secure():
    """On a Unix socket nobody knows where the client is."""
    request = request_with(host="localhost")
    request.client = None

    assert "; Secure" in cookie_of(save(keeper_of(debug=True), set_user, request=request))


def test_the_attributes_come_from_the_settings():
    """Name, path and domain are settings, for setting and deleting alike."""
    keeper = keeper_of(session_cookie_name="sid", session_cookie_path="/shop", session_cookie_domain="shop.example")
    made = save(keeper, set_user)
    deleted = save(keeper, lambda session: session.clear(), sent_back(made))

    for response in (made, deleted):
        assert cookie_of(response).startswith("sid=")
        assert "; Domain=shop.example; Path=/shop; Secure; HttpOnly; SameSite=Lax" in cookie_of(response)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"session_cookie_name": "my session"}, id="a-space-in-the-name"),
        pytest.param(
            {"session_cookie_name": "__Host-session", "session_cookie_domain": "shop.example"}, id="host-with-domain"
        ),
        pytest.param({"session_cookie_name": "__Host-session", "session_cookie_path": "/shop"}, id="host-with-path"),
        pytest.param({"session_cookie_path": "shop"}, id="a-path-without-slash"),
    ],
)
@pytest.mark.security("D4")
def test_attributes_that_browsers_refuse_are_found_at_the_build(settings):
    """A cookie that no browser would keep is a mistake, not a mystery."""
    with pytest.raises(ConfigurationError) as caught:
        keeper_of(**settings)

    assert "COS-SESSION-004" == caught.value.code


@pytest.mark.security("D14")
def test_without_a_key_the_first_touch_says_so():
    """An application without a key starts, and `session` names what is missing."""
    keeper = keeper_of(secret_key=None)
    with pytest.raises(MissingSecretKey, match="`session` needs a secret key"):
        save(keeper, lambda session: session.get("user"))


def test_what_an_abandoned_handler_did_is_not_kept():
    """Half of something is worse than nothing, and the handler may still be running."""
    request = request_with()
    request.claim.take(Outcome.ABANDONED)
    response = save(keeper_of(), set_user, request=request)

    assert (None, "Cookie") == (cookie_of(response), response.headers["vary"])


@pytest.mark.parametrize(
    ("settings", "is_same"),
    [
        pytest.param({}, True, id="all-alike"),
        pytest.param({"debug": True, "session_lifetime_seconds": 5}, True, id="what-does-not-tell-cookies-apart"),
        pytest.param({"secret_key": "x" * 32}, False, id="another-key"),
        pytest.param({"session_cookie_name": "other"}, False, id="another-name"),
        pytest.param({"session_cookie_salt": "other"}, False, id="another-salt"),
        pytest.param({"session_cookie_path": "/x"}, False, id="another-path"),
        pytest.param({"session_cookie_domain": "a.example"}, False, id="another-domain"),
    ],
)
def test_two_keepers_keep_the_same_cookie_when_both_can_read_it(settings, is_same):
    """Name, salt, keys, path and domain say which cookie it is."""

    assert is_same == keeper_of(**settings).is_like(keeper_of())
