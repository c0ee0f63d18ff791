"""Step 3: writing has moved too; Flask keeps nothing but accounts and the style sheet.

    costrel run step3:app

The handlers that write are Costrel's, and the functions that they call are still those of `flaskr.posts`, which read
`flask.g`. The layer `flask_context` gives them what they need, until somebody finds the time to rewrite them.
"""

from collections.abc import Iterator
from contextlib import closing
from sqlite3 import Connection
from typing import Annotated

from flaskr import create_app, posts
from flaskr.database import connect

from costrel import App, Blueprint, Form, NotFound, flash, g, redirect, render, session
from costrel.app import DEFAULT_EXTENSIONS, AppSettings
from costrel.carry import FlaskResponses, flask_context

flask_app = create_app()
paths = flask_app.url_map.bind("")  # Flask knows every page by its name, those that have moved too

app = App(
    settings=AppSettings(
        secret_key=flask_app.config["SECRET_KEY"],
        session_cookie_secure=flask_app.config["SESSION_COOKIE_SECURE"],
    ),
    extensions=[*DEFAULT_EXTENSIONS, FlaskResponses()],  # `posts.find_own` may call `flask.abort`
)


def open_database() -> Iterator[Connection]:
    with closing(connect(flask_app.config["DATABASE"])) as db:
        yield db


app.provide(Connection, open_database)


@app.before_request
def load_user(db: Connection):
    g.user = db.execute("SELECT id, name FROM user WHERE id = ?", (session.get("user_id"),)).fetchone()


@app.context_processor
def names():
    return {"url_for": paths_for}


def paths_for(name: str, **values: object) -> str:
    return paths.build(name, values)


reading = Blueprint("reading", template_folder="flaskr/templates")


@reading.get("/")
def index(db: Connection):
    return render("posts/index.html", posts=db.execute(f"{posts.SELECT} ORDER BY post.id DESC").fetchall())


@reading.get("/posts/{id}")
def show(id: int, db: Connection):
    post = db.execute(f"{posts.SELECT} WHERE post.id = ?", (id,)).fetchone()
    if post is None:
        raise NotFound
    return render("posts/show.html", post=post)


writing = Blueprint("writing", prefix="/posts", use=[flask_context(flask_app)])
Text = Annotated[str, Form()]


@writing.before_request
def login_required():
    if g.user is None:
        flash("Please log in first.", "error")
        return redirect(paths_for("auth.login"))


@writing.get("/new")
def new():
    return render("posts/write.html", title="", body="", post=None)


@writing.post("/new")
def create(title: Text = "", body: Text = ""):
    title = title.strip()
    if not title:
        flash("A post needs a title.", "error")
        return render("posts/write.html", title="", body=body, post=None)
    id = posts.add(title, body)
    flash(f"“{title}” is published.")
    return redirect(paths_for("posts.show", id=id))


@writing.get("/{id}/edit")
def edit(id: int):
    post = posts.find_own(id)
    return render("posts/write.html", title=post["title"], body=post["body"], post=post)


@writing.post("/{id}/edit")
def update(id: int, title: Text = "", body: Text = ""):
    post = posts.find_own(id)
    title = title.strip()
    if not title:
        flash("A post needs a title.", "error")
        return render("posts/write.html", title="", body=body, post=post)
    posts.change(id, title, body)
    flash(f"“{title}” is saved.")
    return redirect(paths_for("posts.show", id=id))


@writing.post("/{id}/delete")
def delete(id: int):
    post = posts.find_own(id)
    posts.remove(id)
    flash(f"“{post['title']}” is gone.")
    return redirect(paths_for("posts.index"))


app.register(reading)
app.register(writing)
app.mount("/", flask_app, name="flaskr", fallback=True)
