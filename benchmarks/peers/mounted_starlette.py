"""The application of `peers.starlette`, unchanged, mounted in ours: ``costrel run peers.mounted_starlette:app``."""

from __future__ import annotations

from costrel import App
from peers.starlette import app as starlette_app

app = App("mounted_starlette")
app.mount("/", starlette_app)
