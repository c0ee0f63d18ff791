"""What an application may rely on when it signs."""

from __future__ import annotations

import pytest

from costrel import App, session
from costrel.app import AppSettings
from costrel.testing import TestClient

OLD, NEW = "old key, 16 bytes or more", "new key, 16 bytes or more"


def make_app(*keys: str) -> App:
    """Make an application that counts in its session."""
    app = App("test", settings=AppSettings(secret_key=keys))

    @app.get("/")
    async def count() -> int:
        session["count"] = session.get("count", 0) + 1
        return session["count"]

    return app


@pytest.mark.capability("C085")
def test_a_session_survives_a_new_key() -> None:
    """An old key still reads; what it read is signed with the newest, so that the old one can be taken away."""
    answers = []
    cookies: dict[str, str] = {}
    for keys in ((OLD,), (NEW, OLD), (NEW,), (OLD,)):
        with TestClient(make_app(*keys), base_url="https://localhost", cookies=cookies) as client:
            response = client.get("/")
            answers.append(response.json())
            cookies = {"session": response.headers["set-cookie"].partition(";")[0].removeprefix("session=")}

    assert [1, 2, 3, 1] == answers
