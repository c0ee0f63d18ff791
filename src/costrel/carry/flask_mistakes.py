"""What can be wrong between an application and the Flask application whose handlers move into it."""

from __future__ import annotations

from costrel.errors import Mistake

__all__ = ["two_sessions", "unknown_route"]


def two_sessions(name: str) -> Mistake:
    """Make the mistake for a request that has changed `session` and a `flask.session` that is not the same.

    Args:
        name: of the cookie.
    """
    return Mistake(
        "COS-CARRY-001",
        f"`session` and `flask.session` were both changed, and both are kept in the cookie `{name}`.",
        why="They are two sessions here, so one cookie would overwrite the other.",
        fix=(
            "Let both be one: the same name, path, domain and salt of the cookie, Flask's SECRET_KEY among our keys,\n"
            "and Flask's own session interface.\n"
            "Or keep them apart:  COSTREL_SESSION_COOKIE_NAME=__Host-session"
        ),
    )


def unknown_route(method: str, path: str, handler: str) -> Mistake:
    """Make the mistake for a moved handler whose path the Flask application does not know.

    Args:
        method: of the request.
        path: as the Flask application would see it.
        handler: module and name of the moved handler.
    """
    return Mistake(
        "COS-CARRY-002",
        f"The Flask application has no route for {method} `{path}`, which `{handler}` answers.",
        why=(
            "By its route Flask decides whose `before_request` functions run and whether CSRFProtect checks a form;\n"
            "without one a guard of the old blueprint would be left out silently."
        ),
        fix=(
            "Leave the old view registered while its handler moves,\n"
            'or name the old endpoint:             flask_context(old, endpoint="admin.users")\n'
            'or, for a route that is new:          flask_context(old, endpoint="")'
        ),
    )
