"""For teams that move: what code written for another framework needs while it is being rewritten for this one.

`flask_context` is a layer that gives a moved handler Flask's `g`, `request`, `session` and `current_app`, with the
functions of the old application around it. `FlaskResponses` is an extension that takes what such a handler returns or
raises. Both import Flask when they are made, and nobody else does.

Read `flask_layer` first, then `flask_visit` (one request's stay in the old application).
"""

from __future__ import annotations

from costrel.carry.flask_layer import flask_context
from costrel.carry.flask_responses import FlaskResponses

__all__ = ["FlaskResponses", "flask_context"]
