"""The session that a Flask application and ours share, with what extensions of Flask keep in it, both ways."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import flask
import flask_login
import flask_wtf
import pytest
import wtforms
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SecureCookieSessionInterface
from hypothesis import given, settings, strategies as st
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from markupsafe import Markup

from costrel.app import App
from costrel.messages import AppSettings, Request
from costrel.sessions import FlaskCookie, flash, get_flashed_messages
from costrel.sessions.tagged_json import TaggedJSON

KEY = "the-key-of-both-applications"
OLD_KEY = "the-key-that-both-had-before"
NOW = 1_700_000_000
EVERY_KIND = {
    "text": "Zoë \U0001f600",
    "number": 7,
    "ratio": 1.5,
    "none": None,
    "tuple": (1, ("a", [2])),
    "bytes": b"\x00\xff",
    "markup": Markup("<b>&</b>"),
    "uuid": UUID("12345678-1234-5678-1234-567812345678"),
    "time": datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC),
    "nested": {"list": [{"deep": (b"x",)}]},
    "like-a-tag": {" t": [1, 2]},
    " like-no-tag": {" t": 1, "and": 2},
    "like-an-escaped-tag": {" t__": {" di": {}}},
    "long": "a" * 600,
}


class Pair:
    """A Flask application and ours, and one browser that visits both: it carries the session cookie to and fro."""

    def __init__(self, keys: tuple[str, ...] = (KEY,), flask_keys: tuple[str, ...] = (KEY,)) -> None:
        self.old = flask.Flask("old")
        self.old.secret_key = flask_keys[0]
        self.old.config["SECRET_KEY_FALLBACKS"] = list(flask_keys[1:])
        self.app = App(settings=AppSettings(secret_key=keys))
        self.cookie: str | None = None
        self.headers: dict[str, str] = {"User-Agent": "a browser"}

    def get_old(self, path: str, **options):
        """Ask the Flask application."""
        client = self.old.test_client()
        if self.cookie is not None:
            client.set_cookie("session", self.cookie)
        response = client.open(path, headers=self.headers, **options)
        kept = client.get_cookie("session")
        self.cookie = None if kept is None else kept.value
        return response

    def get(self, path: str, method: str = "GET", **options):
        """Ask ours."""
        cookies = {} if self.cookie is None else {"session": self.cookie}
        with self.app.test_client(cookies=cookies, peer=("127.0.0.1", 5000)) as client:
            response = client.request(method, path, headers=self.headers, **options)
        if any(value.startswith("session=") for value in response.headers.getlist("set-cookie")):
            self.cookie = response.cookies.get("session") or None  # one that was deleted is not among them
        return response


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.mark.capability("C082")
@pytest.mark.parametrize("key", EVERY_KIND)
def test_a_value_goes_from_flask_to_us_and_back(pair: Pair, key: str) -> None:
    """Each kind of value arrives equal and of its own type, whoever has written it."""
    seen = []

    @pair.old.get("/write")
    def write() -> str:
        flask.session[key] = EVERY_KIND[key]
        return ""

    @pair.app.get("/pass")
    def pass_on(request: Request) -> str:
        seen.append(request.session[key])
        request.session["passed"] = True
        return ""

    @pair.old.get("/read")
    def read() -> str:
        seen.append(flask.session[key])
        return str(flask.session["passed"])

    pair.get_old("/write")
    pair.get("/pass")
    assert "True" == pair.get_old("/read").text

    assert [EVERY_KIND[key]] * 2 == seen
    assert [type(EVERY_KIND[key])] * 2 == [type(value) for value in seen]


@pytest.mark.parametrize(
    ("keys", "flask_keys"),
    [
        pytest.param((KEY,), (KEY, OLD_KEY), id="flask-still-has-the-old-key"),
        pytest.param((KEY, OLD_KEY), (KEY,), id="we-still-have-the-old-key"),
        pytest.param((KEY, OLD_KEY), (OLD_KEY, KEY), id="one-after-the-other"),
    ],
)
@pytest.mark.security("D8")
def test_keys_are_rotated_in_both(keys: tuple[str, ...], flask_keys: tuple[str, ...]) -> None:
    """A session survives as long as each application has the key that the other signs with."""
    pair = Pair(keys, flask_keys)

    @pair.old.get("/old")
    def old() -> str:
        flask.session["steps"] = [*flask.session.get("steps", ()), "old"]
        return ""

    @pair.app.get("/new")
    def new(request: Request) -> list[str]:
        request.session["steps"] = [*request.session.get("steps", ()), "new"]
        return request.session["steps"]

    pair.get_old("/old")
    pair.get("/new")
    pair.get_old("/old")

    assert ["old", "new", "old", "new"] == pair.get("/new").json()


def test_a_key_that_the_other_does_not_have_ends_the_session() -> None:
    """Nothing is read that is not signed with a key of ours."""
    pair = Pair((KEY,), (OLD_KEY,))

    @pair.old.get("/old")
    def old() -> str:
        flask.session["user"] = "ann"
        return ""

    @pair.app.get("/new")
    def new(request: Request) -> dict[str, object]:
        return dict(request.session)

    pair.get_old("/old")

    assert {} == pair.get("/new").json()


@pytest.mark.parametrize("writer", ["old", "new"])
def test_a_permanent_session_is_permanent_in_both(pair: Pair, writer: str) -> None:
    """Each gives the cookie a lifetime when the other has made the session permanent."""
    pair.old.permanent_session_lifetime = timedelta(days=14)

    @pair.old.get("/old")
    def old() -> str:
        if writer == "old":
            flask.session.permanent = True
        flask.session["old"] = flask.session.permanent
        return ""

    @pair.app.get("/new")
    def new(request: Request) -> str:
        if writer == "new":
            request.session.permanent = True
        request.session["new"] = request.session.permanent
        return ""

    first, second = (pair.get_old, pair.get) if writer == "old" else (pair.get, pair.get_old)
    paths = ("/old", "/new") if writer == "old" else ("/new", "/old")
    answers = [first(paths[0]), second(paths[1])]

    assert all(
        "Max-Age=" in answer.headers["set-cookie"] or "Expires=" in answer.headers["set-cookie"] for answer in answers
    )


def test_messages_are_flashed_across(pair: Pair) -> None:
    """A message that one flashes the other shows, with its category, and only once."""

    @pair.old.get("/old/flash")
    def old_flash() -> str:
        flask.flash("from old", "error")
        return ""

    @pair.app.get("/new/flash")
    def new_flash() -> str:
        flash("from new")
        return ""

    @pair.old.get("/old/show")
    def old_show() -> list[list[str]]:
        return [list(entry) for entry in flask.get_flashed_messages(with_categories=True)]

    @pair.app.get("/new/show")
    def new_show() -> list[tuple[str, str]]:
        return get_flashed_messages(with_categories=True)

    pair.get_old("/old/flash")
    pair.get("/new/flash")
    assert [["error", "from old"], ["message", "from new"]] == pair.get_old("/old/show").json

    pair.get("/new/flash")
    pair.get_old("/old/flash")
    assert [["message", "from new"], ["error", "from old"]] == pair.get("/new/show").json()

    assert [] == pair.get_old("/old/show").json
    assert [] == pair.get("/new/show").json()


def session_id(user_agent: str, address: str = "127.0.0.1") -> str:
    """Return what Flask-Login keeps as ``_id`` to protect a session: who the client seems to be.

    It puts both into the text as `bytes` show themselves: ``b'127.0.0.1'|b'a browser'``.
    """
    return hashlib.sha512(f"{address.encode()}|{user_agent.encode()}".encode()).hexdigest()


def add_login(pair: Pair, protection: str) -> None:
    """Give the Flask application Flask-Login, with pages to log in, to look and to log out."""
    manager = flask_login.LoginManager(pair.old)
    manager.session_protection = protection

    class User(flask_login.UserMixin):
        def __init__(self, id: str) -> None:
            self.id = id

    manager.user_loader(User)

    @pair.old.get("/old/login")
    def log_in() -> str:
        flask_login.login_user(User("7"))
        return ""

    @pair.old.get("/old/logout")
    def log_out() -> str:
        flask_login.logout_user()
        return ""

    @pair.old.get("/old/me")
    @flask_login.login_required
    def me() -> dict[str, object]:
        return {"user": flask_login.current_user.id, "fresh": flask_login.login_fresh()}

    @pair.app.get("/new/login")
    def new_login(request: Request) -> str:
        request.session["_user_id"] = "8"
        request.session["_fresh"] = True
        request.session["_id"] = session_id(request.headers["user-agent"])
        return ""

    @pair.app.get("/new/logout")
    def new_logout(request: Request) -> str:
        for key in ("_user_id", "_fresh", "_id"):
            request.session.pop(key, None)
        return ""

    @pair.app.get("/new/me")
    def new_me(request: Request) -> dict[str, object]:
        session = request.session
        is_theirs = session.get("_id") == session_id(request.headers["user-agent"])
        return {"user": session.get("_user_id"), "fresh": session.get("_fresh"), "is_theirs": is_theirs}


@pytest.mark.parametrize("protection", ["basic", "strong"])
def test_who_logs_in_in_the_old_application_is_known_in_ours(pair: Pair, protection: str) -> None:
    """Flask-Login's keys say who, how fresh, and whose browser it is; logging out there is logging out here."""
    add_login(pair, protection)

    pair.get_old("/old/login")
    assert {"user": "7", "fresh": True, "is_theirs": True} == pair.get("/new/me").json()

    pair.get_old("/old/logout")
    assert pair.get("/new/me").json()["user"] is None


@pytest.mark.parametrize("protection", ["basic", "strong"])
def test_who_logs_in_in_ours_is_known_in_the_old_application(pair: Pair, protection: str) -> None:
    """The three keys are enough for Flask-Login; logging out here is logging out there."""
    add_login(pair, protection)
    assert 401 == pair.get_old("/old/me").status_code

    pair.get("/new/login")
    assert {"user": "8", "fresh": True} == pair.get_old("/old/me").json

    pair.get("/new/logout")
    assert 401 == pair.get_old("/old/me").status_code


@pytest.mark.parametrize(("protection", "expected"), [("basic", {"user": "8", "fresh": False}), ("strong", None)])
def test_a_session_of_another_browser_is_protected(pair: Pair, protection: str, expected: object) -> None:
    """What we have signed for one browser is not fresh, or not valid, in another: the key ``_id`` is checked."""
    add_login(pair, protection)
    pair.get("/new/login")
    pair.headers["User-Agent"] = "another browser"

    answer = pair.get_old("/old/me")

    assert expected == (answer.json if answer.status_code == 200 else None)


def add_form(pair: Pair) -> None:
    """Give both applications a page with the token of a form, and one that the form is sent to."""
    flask_wtf.CSRFProtect(pair.old)

    class NameForm(flask_wtf.FlaskForm):
        name = wtforms.StringField()

    @pair.old.get("/old/form")
    def old_form() -> str:
        return NameForm().csrf_token.current_token

    @pair.old.post("/old/form")
    def old_send() -> str:
        return str(NameForm().validate())

    @pair.app.get("/new/form")
    def new_form(request: Request) -> str:
        raw = request.session.setdefault("csrf_token", hashlib.sha1(b"anything random").hexdigest())
        return token_serializer().dumps(raw)

    @pair.app.post("/new/form")
    def new_send(request: Request) -> str:
        raw = token_serializer().loads(request.form["csrf_token"], max_age=3600)
        return str(raw == request.session["csrf_token"])


def token_serializer() -> URLSafeTimedSerializer:
    """Return what Flask-WTF signs the tokens of its forms with; the session has them as they are."""
    return URLSafeTimedSerializer(KEY, salt="wtf-csrf-token")


@pytest.mark.parametrize("rendered_by", ["old", "new"])
@pytest.mark.parametrize("sent_to", ["old", "new"])
def test_a_form_of_one_is_accepted_by_the_other(pair: Pair, rendered_by: str, sent_to: str) -> None:
    """Flask-WTF's key ``csrf_token`` holds the raw token, and the form has it signed."""
    add_form(pair)
    token = (pair.get_old("/old/form") if rendered_by == "old" else pair.get("/new/form")).text

    if sent_to == "old":
        answer = pair.get_old("/old/form", method="POST", data={"csrf_token": token, "name": "Ann"})
    else:
        answer = pair.get("/new/form", "POST", data={"csrf_token": token, "name": "Ann"})

    assert "True" == answer.text


def test_a_form_without_the_token_of_the_session_is_refused(pair: Pair) -> None:
    """A token that we have signed is good for the session that has it, and for no other."""
    add_form(pair)
    token = pair.get("/new/form").text
    pair.cookie = None
    pair.get_old("/old/form")

    answer = pair.get_old("/old/form", method="POST", data={"csrf_token": token, "name": "Ann"})

    assert 400 == answer.status_code
    assert "The CSRF tokens do not match." in answer.text


keys = st.text(max_size=5) | st.sampled_from([" t", " d", " di", " u", " b", " m", " t__", " di__"])
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=10)
    | st.binary(max_size=10)
    | st.uuids()
    | st.datetimes(datetime(1000, 1, 1), timezones=st.sampled_from([None, UTC]))
    | st.text(max_size=5).map(Markup)
)
values = st.dictionaries(
    keys,
    st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(keys, inner, max_size=3)
        ),
        max_leaves=10,
    ),
    max_size=4,
)
flask_app = flask.Flask("property")


@pytest.mark.capability("C082")
@settings(max_examples=300, deadline=None)
@given(values)
def test_the_json_of_a_session_is_flasks(value: dict[str, object]) -> None:
    """For any session the text is the one that Flask writes, and each reads that of the other."""
    with flask_app.app_context():
        theirs = TaggedJSONSerializer().dumps(value)
        read_by_flask = TaggedJSONSerializer().loads(theirs)

    assert theirs == TaggedJSON().dumps(value)
    assert read_by_flask == TaggedJSON().loads(theirs)


class SignerAtNoon(TimestampSigner):
    """A signer whose clock stands still."""

    def get_timestamp(self) -> int:
        return NOW


@settings(max_examples=150, deadline=None)
@given(values, st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=3))
def test_the_cookie_of_a_session_is_flasks(value: dict[str, object], secrets: list[str]) -> None:
    """For any session, any keys and the same time the cookies are equal, and so are the signatures."""
    interface = SecureCookieSessionInterface()
    with flask_app.app_context():
        theirs = URLSafeTimedSerializer(
            list(reversed(secrets)),
            salt=interface.salt,
            serializer=interface.serializer,
            signer=SignerAtNoon,
            signer_kwargs={"key_derivation": interface.key_derivation, "digest_method": interface.digest_method},
        ).dumps(value)

    assert theirs == FlaskCookie().encode(value, secrets, NOW)
