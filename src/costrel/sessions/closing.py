"""Letting go of a session whose response is on its way, wherever it is kept."""

from __future__ import annotations

from costrel.messages import Request, Response
from costrel.sessions.session import Session

__all__ = ["keep_open", "let_go"]


def let_go(request: Request, session: Session, response: Response) -> None:
    """Close a session that was saved; that of an open socket can still be read."""
    if response.status_code == 101:
        keep_open(request, session)
    else:
        session.close()


def keep_open(request: Request, session: Session) -> None:
    """Let the handler of a socket read the session; it runs after its handshake, and the cookie went with that."""
    session.close_for_writing()
    request.on_end(lambda _: session.close())
