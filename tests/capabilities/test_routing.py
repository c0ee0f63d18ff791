"""What an application may rely on when URLs are built."""

from __future__ import annotations

import pytest

from costrel import App, Blueprint, Request, url_for
from costrel.app import AppSettings
from costrel.testing import TestClient


@pytest.mark.capability("X04")
@pytest.mark.capability("C008")
@pytest.mark.pain("P16")
@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        pytest.param(None, "http://localhost/r%C3%B6%20t", id="from-the-request"),
        pytest.param("https://shop.example/r%C3%B6%20t/", "https://shop.example/r%C3%B6%20t", id="from-the-settings"),
    ],
)
def test_prefixes_are_encoded_like_everything_else(base_url: str | None, expected: str) -> None:
    """Names with spaces and letters of any language in a root path, a mount or a blueprint make a valid URL."""
    settings = AppSettings(base_url=base_url)
    app, child = App("outer", extensions=(), settings=settings), App("child", extensions=(), settings=settings)
    part = Blueprint("part", prefix="/p ä")

    @part.get("/item ö/{name}")
    async def item(name: str, request: Request) -> list[str]:
        return [request.path, url_for("part.item", name=name), url_for("part.item", name=name, external=True)]

    child.register(part)
    app.mount("/m ü", child, name="child")
    local = "/m%20%C3%BC/p%20%C3%A4/item%20%C3%B6/ab%20c"

    assert local == app.url_for("child.part.item", name="ab c")
    with TestClient(app, root_path="/rö t") as client:
        answer = client.get(local)

        assert ["/rö t/m ü/p ä/item ö/ab c", "/r%C3%B6%20t" + local] == answer.json()[:2]
        assert expected + local == answer.json()[2]
