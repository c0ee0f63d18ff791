"""`costrel doctor`: a Flask application, what it was moved to, and what the command says about the two."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from costrel.cli.root import root
from costrel.server.access_log import format_access_json

OLD = """
import flask

app = flask.Flask("old")
app.secret_key = "the old key, thirty letters long"
ORDERS = []

@app.after_request
def protect(response):
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Cache-Control"] = "no-store"
    return response

@app.get("/")
def index():
    flask.session["seen"] = True
    return "<!doctype html><h1 class=big id=top>Hello</h1><input type=hidden name=csrf_token value=old>"

@app.get("/users/<int:id>")
def user(id):
    return flask.jsonify(id=id, name="Ann", roles=["admin"], token="old secret")

@app.get("/private")
def private():
    return flask.redirect("/login?next=/private")

@app.get("/report")
def report():
    return {"rows": 3}

@app.route("/orders", methods=["GET", "POST"])
def orders():
    if flask.request.method == "POST":
        ORDERS.append(flask.request.get_json())
    return {"orders": ORDERS}

def create_app():
    return app
"""

NEW = """
from costrel import App, Response, redirect, request
from costrel.app import AppSettings

app = App("new", extensions=(), settings=AppSettings(secret_key="the new key, thirty letters long"))
ORDERS = []

@app.after_request
def protect(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response

@app.get("/")
def index():
    print("printed by the application")
    response = Response(
        '<!doctype html>\\n<h1 id="top" class="big">Hallo</h1>\\n<input name=csrf_token value=new type=hidden>',
        media_type="text/html; charset=utf-8",
    )
    response.vary("Cookie")
    response.set_cookie("session", "new secret", http_only=False, secure=False, same_site=None)
    return response

@app.get("/users/{id}")
def user(id: int):
    return {"id": str(id), "name": "Ann", "roles": ["admin", "staff"], "token": "new secret"}

@app.get("/private")
def private():
    return redirect("/login?next=/private", 302)

@app.get("/report")
def report():
    raise RuntimeError("cannot reach postgres://shop:hunter2@db/shop")

@app.get("/orders")
@app.post("/orders")
async def orders():
    if request.method == "POST":
        ORDERS.append(request.json())
    return {"orders": ORDERS}
"""

MOVED = """
from costrel import App
from old_shop import app as old_app

app = App("moved", extensions=())

@app.get("/users/{id}")
def user(id: int):
    return {"name": "Ann", "id": id, "roles": ["admin"], "token": "old secret"}

@app.after_request
def protect(response):
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Cache-Control"] = "no-store"
    return response

app.mount("/", old_app, fallback=True)
"""

REQUESTS = ["GET /", "GET /users/7", "GET /private", "GET /report", "POST /orders"]


@pytest.fixture
def shops(folder: Path) -> Path:
    """A working directory with the old application, the new one, and a list of requests."""
    (folder / "old_shop.py").write_text(OLD)
    (folder / "new_shop.py").write_text(NEW)
    (folder / "moved_shop.py").write_text(MOVED)
    (folder / "requests.txt").write_text("\n".join(REQUESTS))
    return folder


def run(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(root, ["doctor", *arguments], prog_name="costrel")


def results_of(*arguments: str) -> dict[str, list[str]]:
    """Compare the two applications and return the differences of each request."""
    result = run("old_shop:app", "new_shop:app", "--requests", "requests.txt", "--format", "json", *arguments)
    return {
        f"{found['method']} {found['path']}": [
            " ".join([item["sign"], item["kind"], *filter(None, [item.get("name")])]) for item in found["differences"]
        ]
        for found in json.loads(result.stdout)["results"]
    }


def test_what_was_lost_on_the_way_from_flask_is_found(shops: Path) -> None:
    """Protection, cookies, JSON by its structure, HTML by its text, and an exception on one side."""

    assert {
        "GET /": ["lost header x-frame-options", "changed cookie session", "changed body"],
        "GET /users/7": [
            "lost header x-frame-options",
            "changed body $.id",
            "gained body $.roles[1]",
            "changed body $.token",
        ],
        "GET /private": ["lost header x-frame-options"],
        "GET /report": ["changed status", "lost header x-frame-options"],
    } == results_of("--ignore", "x-content-type-options")


def test_the_report_says_it_and_the_exit_code_too(shops: Path) -> None:
    """1 when something differs; what the application prints is no part of the report."""
    result = run("old_shop:app", "new_shop:app", "--requests", "requests.txt")

    assert 1 == result.exit_code
    assert "In all 4 requests\n  - header x-frame-options: deny\n" in result.stdout
    assert "  ~ cookie session: lost HttpOnly\n" in result.stdout
    assert "      - Hello\n      + Hallo\n" in result.stdout
    assert '  ~ body $.id: 7 (number) → "7" (string)\n' in result.stdout
    assert "RuntimeError: cannot reach" in result.stdout
    assert "  POST /orders: it may change something\n" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "printed by the application" not in result.stdout
    assert "printed by the application\n" in result.stderr


def test_no_secret_is_printed(shops: Path) -> None:
    """Neither values of cookies nor credentials, in either form, wherever they stand."""
    (shops / "requests.txt").write_text("\n".join([*REQUESTS, "GET /nothing?api_key=hunter3"]))
    arguments = (
        "old_shop:app",
        "new_shop:app",
        "--requests",
        "requests.txt",
        "--header",
        "Authorization: Bearer hunter4",
    )
    outputs = [run(*arguments, "--format", form) for form in ("text", "json")]

    assert [] == [
        secret
        for secret in ("old secret", "new secret", "hunter2", "hunter3", "hunter4")
        for result in outputs
        if secret in result.stdout
    ]


def test_a_route_that_was_moved_well_is_no_difference(shops: Path) -> None:
    """The old application itself, and the new one with the rest of the old one mounted: 0."""
    result = run("old_shop:create_app", "moved_shop:app", "--requests", "requests.txt")

    assert "No difference in 4 requests.\n" == result.stdout.rpartition("\n\n")[2]
    assert 0 == result.exit_code


def test_an_access_log_is_replayed(shops: Path) -> None:
    """Each path once, with how often it was asked for."""
    paths = ["/users/7", "/users/7", "/", "/private"]
    lines = [format_access_json({"method": "GET", "path": path, "status_code": 200}, 0) for path in paths]
    lines.append(format_access_json({"method": "POST", "path": "/orders", "status_code": 200}, 0))
    (shops / "access.jsonl").write_text("\n".join(lines))
    result = run("old_shop:app", "new_shop:app", "--log", "access.jsonl", "--limit", "2")

    assert "GET /users/7  (2 times)\n" in result.stdout
    assert "  POST /orders: a log has no bodies\n1 request left out" in result.stdout


def test_what_changes_data_is_sent_between_two_resets(shops: Path) -> None:
    """The command runs before each side."""
    requests = ['{"method": "POST", "path": "/orders", "body": {"item": "tea"}}', "GET /orders"]
    (shops / "requests.txt").write_text("\n".join(requests))
    found = results_of("--unsafe", "--reset", "echo reset >> resets", "--ignore", "x-*")

    assert {"POST /orders": [], "GET /orders": []} == found
    assert "reset\nreset\n" == (shops / "resets").read_text()


def test_without_a_reset_there_is_a_note(shops: Path) -> None:
    """The second application begins with what the first has left behind."""
    result = run("old_shop:app", "new_shop:app", "--requests", "requests.txt", "--unsafe")

    assert "The new application began with what the old one had left behind." in result.stdout
    assert "Not sent" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["old_shop:app", "new_shop:app"], "Say which requests are sent", id="no-requests"),
        pytest.param(["old_shop:app"], "Missing argument 'NEW'", id="one-application"),
        pytest.param(["old_shop:app", "new_shop:app", "--log", "none"], "none cannot be read", id="no-such-log"),
        pytest.param(["old_shop:app", "new_shop:app", "--requests", "bad.txt"], "COS-CLI-007", id="a-bad-list"),
        pytest.param(["old_shop:none", "new_shop:app", "--requests", "requests.txt"], "COS-CLI-003", id="no-such-app"),
        pytest.param(["broken:app", "new_shop:app", "--requests", "requests.txt"], "ZeroDivisionError", id="import"),
        pytest.param(["unbuilt:app", "new_shop:app", "--requests", "requests.txt"], "COS-ROUTE-001", id="mistakes"),
        pytest.param(["unstarted:app", "new_shop:app", "--requests", "requests.txt"], "no database", id="start"),
        pytest.param(
            ["old_shop:app", "new_shop:app", "--requests", "requests.txt", "--reset", "exit 4"],
            "The command of --reset ended with exit code 4.",
            id="reset",
        ),
        pytest.param(
            ["old_shop:app", "new_shop:app", "--requests", "requests.txt", "--header", "secret"],
            "A header is 'Name: value'.",
            id="no-header",
        ),
        pytest.param(
            ["old_shop:app", "new_shop:app", "--requests", "requests.txt", "--base-url", "shop.example"],
            "'shop.example' is no URL",
            id="no-url",
        ),
    ],
)
def test_what_cannot_be_compared_is_a_wrong_command_line(shops: Path, arguments: list[str], said: str) -> None:
    """Exit code 2, never 1: that says that answers differ."""
    (shops / "bad.txt").write_text("GET nothing")
    (shops / "broken.py").write_text("1 / 0")
    (shops / "unbuilt.py").write_text("from costrel import App\napp = App()\napp.add_route('one', lambda: '')")
    (shops / "unstarted.py").write_text(
        "from costrel import App\napp = App()\n@app.on_start\ndef start():\n    raise RuntimeError('no database')"
    )
    result = run(*arguments)

    assert said in result.stderr
    assert 2 == result.exit_code
    assert "" == result.stdout
