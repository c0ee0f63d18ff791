# before.py
from functools import wraps

from flask import Blueprint, Flask, abort, flash, g, jsonify, redirect, render_template, request, session, url_for

app = Flask(__name__)
app.secret_key = "a key of sixteen bytes or more"
tasks = Blueprint("tasks", __name__, url_prefix="/tasks")
TASKS: dict[int, dict] = {}


@app.before_request
def load_user():
    g.user = session.get("user")


def login_required(view):
    @wraps(view)
    def guarded(*args, **kwargs):
        if g.user is None:
            return redirect(url_for("login_form"))
        return view(*args, **kwargs)

    return guarded


@app.get("/login")
def login_form():
    return '<form method="post"><input name="user"><button>Log in</button></form>'


@app.post("/login")
def login():
    session["user"] = request.form["user"]
    flash(f"Hello, {session['user']}.")
    return redirect(url_for("tasks.index"))


@tasks.get("/")
@login_required
def index():
    return render_template("tasks.html", tasks=TASKS, limit=request.args.get("limit", 10, type=int))


@tasks.post("/")
@login_required
def add():
    number = len(TASKS) + 1
    TASKS[number] = {"id": number, "title": request.form["title"], "owner": g.user}
    return redirect(url_for(".index"))


@tasks.get("/<int:number>")
def show(number):
    if number not in TASKS:
        abort(404, "There is no such task.")
    return jsonify(TASKS[number])


@app.template_filter("shout")
def shout(text):
    return text.upper()


@app.errorhandler(404)
def not_found(error):
    return jsonify(error=error.description), 404


@app.after_request
def add_version(response):
    response.headers["X-Version"] = "1"
    return response


app.register_blueprint(tasks)
