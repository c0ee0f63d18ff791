"""The application of `peers.flask`, unchanged, mounted in ours: ``costrel run peers.mounted_flask:app``."""

from __future__ import annotations

from costrel import App
from peers.flask import app as flask_app

app = App("mounted_flask")
app.mount("/", flask_app)
