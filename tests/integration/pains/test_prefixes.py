"""URLs lead back to their routes under every prefix, on real servers."""

from __future__ import annotations

import http.client
import json
import random
from typing import Any
from urllib.parse import quote

import pytest

from costrel import App, Blueprint, Request

pytestmark = pytest.mark.integration
NAMES = ("a", "aa", "auth", "auth/auth", "api/v1", "b", "a b", "ü")


def make_tree(seed: int) -> tuple[App, list[str]]:
    """Make an application with mounts in mounts under prefixes that overlap, and the paths of all its routes."""
    choose = random.Random(seed)
    paths: list[str] = []

    def grow(name: str, prefix: str, depth: int) -> App:
        app = App(name, extensions=())
        part = Blueprint("part", prefix=f"/p-{choose.choice(NAMES)}")

        @app.get("/own/{id}")
        @part.get("/own/{id}")
        async def own(id: int, request: Request) -> dict[str, Any]:
            route = request.route
            assert route is not None
            return {
                "url": request.url_for(route.name, id=id),
                "path": request.path,
                "whole": request.root_path + request.mount_prefix + request.route_path,
            }

        app.register(part)
        paths.extend([f"{prefix}/own/{choose.randrange(100)}", f"{prefix}{part.prefix}/own/{choose.randrange(100)}"])
        if depth:
            for index, child in enumerate(choose.sample(NAMES, 2)):
                path = f"/{child}"
                app.mount(path, grow(f"{name}{index}", prefix + path, depth - 1), name=f"child{index}")
        return app

    return grow("root", "", 3), paths


@pytest.mark.pain("P16")
@pytest.mark.parametrize(
    ("server", "root_path"),
    [
        pytest.param("native", "", id="native"),
        pytest.param("under_uvicorn", "", id="asgi"),
        pytest.param("under_uvicorn", "/auth", id="asgi-under-a-prefix-that-overlaps"),
        pytest.param("under_uvicorn", "/api/v1", id="asgi-under-a-prefix"),
    ],
)
def test_a_built_url_is_the_path_that_was_asked_for(net: Any, server: str, root_path: str) -> None:
    """Every route of a random tree builds its own URL, asked by its name from inside, and is found there again."""
    app, paths = make_tree(len(server + root_path))
    wrong: dict[str, object] = {}
    with getattr(net, server)(app, root_path=root_path) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        for path in paths:
            url = quote(path)
            for _ in range(2):
                connection.request("GET", url)
                response = connection.getresponse()
                body = response.read()
                answer = json.loads(body) if response.status == 200 else {"status": response.status}
                expected = {"url": quote(root_path + path), "path": root_path + path, "whole": root_path + path}
                if expected != answer:
                    wrong[path] = answer
                    break
                # What was built is asked for next; the server puts its own prefix before it again.
                url = answer["url"].removeprefix(root_path)
        connection.close()

    assert 30 == len(paths)
    assert {} == wrong
