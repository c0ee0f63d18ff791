"""Who is there: accounts, login and logout."""

import functools
import sqlite3

from flask import Blueprint, flash, g, redirect, render_template, request, session, url_for
from werkzeug.security import check_password_hash, generate_password_hash

from flaskr.database import get_db

bp = Blueprint("auth", __name__, url_prefix="/auth")


@bp.before_app_request
def load_user():
    user_id = session.get("user_id")
    g.user = None
    if user_id is not None:
        g.user = get_db().execute("SELECT id, name FROM user WHERE id = ?", (user_id,)).fetchone()


def login_required(view):
    @functools.wraps(view)
    def checked(**values):
        if g.user is None:
            flash("Please log in first.", "error")
            return redirect(url_for("auth.login"))
        return view(**values)

    return checked


@bp.route("/register", methods=["GET", "POST"])
def register():
    name = request.form.get("name", "").strip()
    password = request.form.get("password", "")
    if request.method == "POST":
        error = None
        if not name:
            error = "Please choose a name."
        elif len(password) < 8:
            error = "A password has eight characters or more."
        else:
            try:
                with get_db() as db:
                    db.execute(
                        "INSERT INTO user (name, password_hash) VALUES (?, ?)",
                        (name, generate_password_hash(password)),
                    )
            except sqlite3.IntegrityError:
                error = f"The name “{name}” is taken."
        if error is None:
            flash(f"Welcome, {name}. You can log in now.")
            return redirect(url_for("auth.login"))
        flash(error, "error")
    return render_template("auth/register.html", name=name)


@bp.route("/login", methods=["GET", "POST"])
def login():
    name = request.form.get("name", "").strip()
    if request.method == "POST":
        user = get_db().execute("SELECT id, password_hash FROM user WHERE name = ?", (name,)).fetchone()
        if user is not None and check_password_hash(user["password_hash"], request.form.get("password", "")):
            session.clear()
            session["user_id"] = user["id"]
            flash(f"Good to see you, {name}.")
            return redirect(url_for("posts.index"))
        flash("The name or the password is wrong.", "error")
    return render_template("auth/login.html", name=name)


@bp.post("/logout")
def logout():
    session.clear()
    flash("Until next time.")
    return redirect(url_for("posts.index"))
