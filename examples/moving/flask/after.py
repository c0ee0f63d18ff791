# after.py
from typing import Annotated

from costrel import App, Blueprint, Form, JSONResponse, NotFound, flash, g, redirect, render, session, url_for
from costrel.app import AppSettings

app = App(settings=AppSettings(secret_key="a key of sixteen bytes or more"))
tasks = Blueprint("tasks", prefix="/tasks")
TASKS: dict[int, dict] = {}


@app.before_request
def load_user():
    g.user = session.get("user")


def login_required():
    if g.user is None:
        return redirect(url_for("login_form"))


@app.get("/login")
def login_form():
    return '<form method="post"><input name="user"><button>Log in</button></form>'


@app.post("/login")
def login(user: Annotated[str, Form()]):
    session["user"] = user
    flash(f"Hello, {user}.")
    return redirect(url_for("tasks.index"))


@tasks.get("/", before=[login_required])
def index(limit: int = 10):
    return render("tasks.html", tasks=TASKS, limit=limit)


@tasks.post("/", before=[login_required])
def add(title: Annotated[str, Form()]):
    number = len(TASKS) + 1
    TASKS[number] = {"id": number, "title": title, "owner": g.user}
    return redirect(url_for(".index"))


@tasks.get("/<int:number>")
def show(number: int):
    if number not in TASKS:
        raise NotFound("There is no such task.")
    return TASKS[number]


@app.template_filter("shout")
def shout(text):
    return text.upper()


@app.errorhandler(404)
def not_found(error):
    return JSONResponse({"error": error.detail}, status_code=404)


@app.after_request
def add_version(response):
    response.headers["X-Version"] = "1"
    return response


app.register(tasks)
