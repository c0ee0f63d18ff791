"""Flask with Flask-Login, Flask-WTF, Flask-SQLAlchemy and Flask-Admin: a lending desk for books.

Its pages, its redirects and its administration build every link with `url_for`; nothing in it knows where it is served.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask, flash, redirect, render_template_string, request, stream_with_context, url_for
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect, FlaskForm
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired, Length

PAGE = """<!doctype html><title>Desk</title>
<nav><a href="{{ url_for('index') }}">Books</a> <a href="{{ url_for('admin.index') }}">Administration</a></nav>
{% for message in get_flashed_messages() %}<p class="flash">{{ message }}</p>{% endfor %}
{% if current_user.is_authenticated %}<p class="user">{{ current_user.name }}</p>{% endif %}
{% for book in books %}<li>{{ book.title }}</li>{% endfor %}
{% if form %}<form method="post">{{ form.hidden_tag() }}
{% for field in form if field.type != 'CSRFTokenField' %}{{ field.label }}{{ field() }}
{% for error in field.errors %}<b>{{ error }}</b>{% endfor %}{% endfor %}</form>{% endif %}
"""


class LoginForm(FlaskForm):
    """Name and password."""

    name = StringField(validators=[DataRequired()])
    password = PasswordField(validators=[DataRequired()])


class BookForm(FlaskForm):
    """A new book."""

    title = StringField(validators=[Length(min=3)])


def make_app(folder: Path) -> Flask:
    """Make the application with a database of its own in `folder`."""
    app = Flask("flask_desk", root_path=str(folder))
    app.config.update(
        SECRET_KEY="a key for the tests alone",
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'desk.sqlite'}",
        SESSION_COOKIE_NAME="desk",
    )
    database = SQLAlchemy()
    login_manager = LoginManager()
    Model: Any = database.Model

    class Librarian(Model, UserMixin):
        id = database.Column(database.Integer, primary_key=True)
        name = database.Column(database.String(40), unique=True)
        password_hash = database.Column(database.String(200))

    class Book(Model):
        id = database.Column(database.Integer, primary_key=True)
        title = database.Column(database.String(80), nullable=False)

    class BookView(ModelView):
        column_searchable_list = ["title"]

        def is_accessible(self) -> bool:
            return bool(current_user.is_authenticated)

        def inaccessible_callback(self, name: str, **kwargs: Any) -> Response:
            return redirect(url_for("login", next=request.url))

    database.init_app(app)
    login_manager.init_app(app)
    login_manager.login_view = "login"
    CSRFProtect(app)
    admin = Admin(app, name="Desk")
    admin.add_view(BookView(Book, database))

    @login_manager.user_loader
    def load_librarian(user_id: str) -> Any:
        return database.session.get(Librarian, int(user_id))

    @app.get("/")
    def index() -> str:
        return render_template_string(PAGE, books=Book.query.order_by(Book.id).all())

    @app.route("/login", methods=["GET", "POST"])
    def login() -> str | Response:
        form = LoginForm()
        if form.validate_on_submit():
            found = Librarian.query.filter_by(name=form.name.data).first()
            if found is not None and check_password_hash(found.password_hash, form.password.data):
                login_user(found)
                flash("Welcome")
                return redirect(url_for("index"))
        return render_template_string(PAGE, form=form)

    @app.post("/logout")
    @login_required
    def logout() -> Response:
        logout_user()
        return redirect(url_for("index"))

    @app.route("/new", methods=["GET", "POST"])
    @login_required
    def new() -> str | Response:
        form = BookForm()
        if form.validate_on_submit():
            database.session.add(Book(title=form.title.data))
            database.session.commit()
            flash("Added")
            return redirect(url_for("index"))
        return render_template_string(PAGE, form=form)

    @app.get("/list.txt")
    def listing() -> Response:
        def lines() -> Any:
            for book in Book.query.order_by(Book.id):
                yield f"{request.script_root} {book.title}\n"

        return app.response_class(stream_with_context(lines()), mimetype="text/plain")

    @app.get("/broken")
    def broken() -> str:
        raise ValueError("broken")

    with app.app_context():
        database.create_all()
        quick = generate_password_hash("correct horse", method="pbkdf2:sha256:1")
        database.session.add(Librarian(name="Ann", password_hash=quick))
        database.session.commit()
    return app


def close(app: Flask) -> None:
    """Close the connections to the database."""
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()
