from __future__ import annotations

from pathlib import Path

import pytest

from costrel.app import App
from costrel.errors import NotFound, OutsideRequest
from costrel.static import send_from_folder


@pytest.fixture
def client(site):
    app = App(extensions=())
    app.root_folder = site

    @app.get("/files/{name:path}")
    def files(name: str):
        return send_from_folder("static", name)

    @app.get("/uploads/{name:path}")
    async def uploads(name: str):
        return send_from_folder(site / "static", name, untrusted=True, filename=name, headers={"X-Own": "1"})

    @app.get("/links/{name:path}")
    async def links(name: str):
        return send_from_folder(Path("static"), name, follow_symlinks=True)

    with app.test_client() as client:
        yield client


def test_a_file_below_the_folder_is_sent(client):
    """A relative folder is below that of the application, in threads and on the loop alike."""
    answers = [client.get(f"/{way}/css/site.css") for way in ("files", "uploads", "links")]

    assert [200] * 3 == [response.status_code for response in answers]
    assert {"body { color: #000000 }"} == {response.text for response in answers}


@pytest.mark.security("B24")
def test_an_upload_is_sent_to_be_saved(client):
    """The options are those of `FileResponse`."""
    response = client.get("/uploads/sub/page.html")

    assert 'attachment; filename="page.html"' == response.headers["content-disposition"]
    assert "1" == response.headers["x-own"]


def test_how_long_it_is_kept_is_for_the_handler_to_say(client):
    """A file that a handler sends may belong to one client, so nothing is said of caching."""

    assert "cache-control" not in client.get("/files/a.txt").headers


def test_links_are_followed_only_when_that_was_asked_for(client):
    """A link in a folder of uploads may lead anywhere."""

    assert (404, 200) == (client.get("/files/link.txt").status_code, client.get("/links/link.txt").status_code)


@pytest.mark.security("B1")
@pytest.mark.security("B8")
@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../secret.txt", "css/../../secret.txt", "..\\secret.txt", "a.txt/", ".env", "CON", "C:/x"],
)
def test_a_path_that_leads_out_of_the_folder_is_refused_on_its_text(path):
    """Nothing is asked of the file system, not even where the folder is."""
    with pytest.raises(NotFound):
        send_from_folder("/nowhere", path)


def test_a_relative_folder_needs_an_application(tmp_path):
    """Without a request nobody knows where it begins."""
    with pytest.raises(OutsideRequest):
        send_from_folder("static", "a.txt")

    assert send_from_folder(tmp_path, "a.txt").needs_resolving
