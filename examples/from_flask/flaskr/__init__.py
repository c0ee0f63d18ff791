"""The blog as it was written for Flask. Nothing in this folder knows of Costrel, and no step changes it.

    flask --app flaskr run

Its database and its secret key are kept in Flask's instance folder, or in the folder that BLOG_INSTANCE names.
"""

import os
from pathlib import Path

from flask import Flask

from flaskr import auth, database, posts


def create_app() -> Flask:
    app = Flask(__name__, instance_path=os.environ.get("BLOG_INSTANCE"))
    folder = Path(app.instance_path)
    folder.mkdir(parents=True, exist_ok=True)
    app.config.update(
        SECRET_KEY=read_secret_key(folder / "secret_key"),
        DATABASE=str(folder / "blog.sqlite"),
        # A form on another site is sent without the login. README.md says what this leaves open.
        SESSION_COOKIE_SAMESITE="Lax",
    )
    database.init_app(app)
    app.register_blueprint(auth.bp)
    app.register_blueprint(posts.bp)
    return app


def read_secret_key(path: Path) -> str:
    """Read the key that signs the cookies; the first start makes it, for this user's eyes alone."""
    try:
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as new:
            new.write(os.urandom(24).hex())
    except FileExistsError:
        pass
    return path.read_text()
