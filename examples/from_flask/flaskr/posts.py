"""The posts: read by everybody, changed by their authors."""

import sqlite3

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for

from flaskr.auth import login_required
from flaskr.database import get_db

bp = Blueprint("posts", __name__)

SELECT = """
    SELECT post.id, title, body, written_at, author_id, user.name AS author
    FROM post JOIN user ON user.id = post.author_id
"""


def find_all() -> list[sqlite3.Row]:
    return get_db().execute(f"{SELECT} ORDER BY post.id DESC").fetchall()


def find(id: int) -> sqlite3.Row | None:
    return get_db().execute(f"{SELECT} WHERE post.id = ?", (id,)).fetchone()


def add(title: str, body: str) -> int:
    with get_db() as db:
        cursor = db.execute("INSERT INTO post (author_id, title, body) VALUES (?, ?, ?)", (g.user["id"], title, body))
    return cursor.lastrowid


def change(id: int, title: str, body: str) -> None:
    with get_db() as db:
        db.execute("UPDATE post SET title = ?, body = ? WHERE id = ?", (title, body, id))


def remove(id: int) -> None:
    with get_db() as db:
        db.execute("DELETE FROM post WHERE id = ?", (id,))


def find_own(id: int) -> sqlite3.Row:
    """Return a post of the user who is logged in; others' are forbidden to change."""
    post = find(id)
    if post is None:
        abort(404)
    if post["author_id"] != g.user["id"]:
        abort(403)
    return post


@bp.get("/")
def index():
    return render_template("posts/index.html", posts=find_all())


@bp.get("/posts/<int:id>")
def show(id):
    post = find(id)
    if post is None:
        abort(404)
    return render_template("posts/show.html", post=post)


@bp.route("/posts/new", methods=["GET", "POST"])
@login_required
def create():
    title, body = request.form.get("title", "").strip(), request.form.get("body", "")
    if request.method == "POST":
        if title:
            id = add(title, body)
            flash(f"“{title}” is published.")
            return redirect(url_for("posts.show", id=id))
        flash("A post needs a title.", "error")
    return render_template("posts/write.html", title=title, body=body, post=None)


@bp.route("/posts/<int:id>/edit", methods=["GET", "POST"])
@login_required
def update(id):
    post = find_own(id)
    title, body = request.form.get("title", post["title"]).strip(), request.form.get("body", post["body"])
    if request.method == "POST":
        if title:
            change(id, title, body)
            flash(f"“{title}” is saved.")
            return redirect(url_for("posts.show", id=id))
        flash("A post needs a title.", "error")
    return render_template("posts/write.html", title=title, body=body, post=post)


@bp.post("/posts/<int:id>/delete")
@login_required
def delete(id):
    post = find_own(id)
    remove(id)
    flash(f"“{post['title']}” is gone.")
    return redirect(url_for("posts.index"))
