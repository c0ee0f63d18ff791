"""Extensions of Flask around and inside a moved handler: Flask-Login and Flask-WTF."""

from __future__ import annotations

from collections.abc import Iterator

import flask
import flask_login
import flask_wtf
import pytest
import wtforms

from costrel.app import App
from costrel.carry import FlaskResponses, flask_context
from costrel.messages import AppSettings
from costrel.testing import TestClient

KEY = "the-key-of-both-applications"


class User(flask_login.UserMixin):
    """Everybody, by name."""

    def __init__(self, id: str) -> None:
        self.id = id


class NameForm(flask_wtf.FlaskForm):
    """A form with one field and the token."""

    name = wtforms.StringField()


@pytest.fixture
def old() -> flask.Flask:
    """Make a Flask application with both extensions, whose views have moved."""
    old = flask.Flask("old")
    old.secret_key = KEY
    manager = flask_login.LoginManager(old)
    manager.user_loader(User)
    manager.login_view = "login"
    flask_wtf.CSRFProtect(old)
    for name, methods in {"login": ["GET"], "me": ["GET"], "logout": ["GET"], "form": ["GET", "POST"]}.items():
        old.add_url_rule(f"/{name}", name, lambda: "old", methods=methods)
    return old


@pytest.fixture
def client(old: flask.Flask) -> Iterator[TestClient]:
    """Make a client of an application into which the views have moved, as they were."""
    app = App(settings=AppSettings(secret_key=KEY), use=[flask_context(old)])
    app.install(FlaskResponses())

    @app.get("/login")
    def log_in() -> str:
        remember = "remember" in flask.request.args
        return str(flask_login.login_user(User("ann"), remember=remember))

    @app.get("/logout")
    @flask_login.login_required
    def log_out() -> object:
        flask_login.logout_user()
        return flask.redirect(flask.url_for("login"))

    @app.get("/me")
    @flask_login.login_required
    def me():  # a return type would promise that no redirect to the login view comes
        return f"{flask_login.current_user.id} {flask_login.login_fresh()}"

    @app.get("/form")
    async def show_form() -> str:
        user = flask_login.current_user
        name = user.id if user.is_authenticated else "nobody"
        return flask.render_template_string("{{ form.csrf_token }}{{ name }}", form=NameForm(), name=name)

    @app.post("/form")
    def send_form() -> str:
        form = NameForm()
        return f"{form.validate_on_submit()} {form.name.data}"

    with app.test_client() as client:
        yield client


def token_of(page: str) -> str:
    """Return the value of the hidden field."""
    return page.partition('value="')[2].partition('"')[0]


@pytest.mark.pain("P27")
def test_a_moved_handler_requires_a_login(client: TestClient) -> None:
    """Who is not logged in is sent to the login view, with a flashed message; who is, gets in; and out again."""
    refused = client.get("/me")
    assert (302, "/login?next=%2Fme") == (refused.status_code, refused.headers["location"])
    with client.session_transaction() as session:
        assert [("message", "Please log in to access this page.")] == session["_flashes"]

    assert "True" == client.get("/login").text
    assert "ann True" == client.get("/me").text
    with client.session_transaction() as session:
        assert {"_user_id": "ann", "_fresh": True} == {key: session[key] for key in ("_user_id", "_fresh")}
        assert 128 == len(session["_id"])

    assert 302 == client.get("/logout").status_code
    assert 302 == client.get("/me").status_code


@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")  # of Flask-Login 0.6.3
def test_a_remembered_login_outlives_the_session(client: TestClient) -> None:
    """Flask-Login sets its own cookie after the request, and takes it away."""
    kept = client.get("/login?remember=1").cookies["remember_token"]
    client.cookies.clear()
    client.cookies.set("remember_token", kept)

    assert "ann False" == client.get("/me").text
    assert "remember_token=;" in " ".join(client.get("/logout").headers.getlist("set-cookie"))


def test_an_async_handler_knows_the_user(client: TestClient) -> None:
    """`current_user` works on the loop; `login_required` is for ``def`` handlers, as Flask's own decorators are."""
    assert client.get("/form").text.endswith("nobody")

    client.get("/login")

    assert client.get("/form").text.endswith("ann")


@pytest.mark.security("D1")
def test_a_form_is_protected(client: TestClient) -> None:
    """`CSRFProtect` refuses a form without the token before the handler is asked, and takes one with it."""
    token = token_of(client.get("/form").text)

    refused = client.post("/form", data={"name": "Ann"})
    accepted = client.post("/form", data={"name": "Ann", "csrf_token": token})
    by_field = client.post("/form", data={"name": "Bea"}, headers={"X-CSRFToken": token})

    assert 400 == refused.status_code
    assert "The CSRF token is missing." in refused.text
    assert "True Ann" == accepted.text
    assert "True Bea" == by_field.text


def test_a_form_of_the_old_application_is_accepted(old: flask.Flask, client: TestClient) -> None:
    """A page that the old application has rendered is sent to the handler that has moved."""
    old.view_functions["form"] = lambda: NameForm().csrf_token.current_token
    browser = old.test_client()
    token = browser.get("/form").text
    kept = browser.get_cookie("session")
    assert kept is not None

    answer = client.post("/form", data={"name": "Ann", "csrf_token": token}, cookies={"session": kept.value})

    assert "True Ann" == answer.text
