"""Step 2: the pages for readers are Costrel's; everything else falls through to Flask.

    costrel run step2:app

Both read and write the same signed cookie, so whoever logs in over there is known here, and a message that is flashed
there is shown here. The templates are Flask's own files.
"""

from collections.abc import Iterator
from contextlib import closing
from sqlite3 import Connection

from flaskr import create_app
from flaskr.database import connect
from flaskr.posts import SELECT

from costrel import App, Blueprint, NotFound, g, render, session
from costrel.app import AppSettings

flask_app = create_app()
paths = flask_app.url_map.bind("")  # Flask knows every page by its name, those that have moved too

app = App(
    settings=AppSettings(
        secret_key=flask_app.config["SECRET_KEY"],
        session_cookie_secure=flask_app.config["SESSION_COOKIE_SECURE"],
    )
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
    return {"url_for": lambda name, **values: paths.build(name, values)}


reading = Blueprint("reading", template_folder="flaskr/templates")


@reading.get("/")
def index(db: Connection):
    return render("posts/index.html", posts=db.execute(f"{SELECT} ORDER BY post.id DESC").fetchall())


@reading.get("/posts/{id}")
def show(id: int, db: Connection):
    post = db.execute(f"{SELECT} WHERE post.id = ?", (id,)).fetchone()
    if post is None:
        raise NotFound
    return render("posts/show.html", post=post)


app.register(reading)
app.mount("/", flask_app, name="flaskr", fallback=True)
