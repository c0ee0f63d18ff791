from __future__ import annotations

import pytest

from costrel.static.folder_file import Folder
from costrel.static.listing import iter_files

SERVED = ["a.txt", "app.3f9a1c2b.js", "css/site.css", "sub/page.html"]


def test_all_that_is_served_is_listed(site):
    """Hidden files, copies of editors and links are left out."""

    assert SERVED == sorted(iter_files(Folder(str(site / "static"))))


def test_hidden_files_are_listed_where_they_are_served(site):
    """The list follows the rule of the route."""
    found = set(iter_files(Folder(str(site / "static")), allow_dotfiles=True))

    assert {".env", ".git/config", ".well-known/security.txt", "backup.txt~"} == found - set(SERVED)


def test_links_are_followed_where_they_are_and_never_in_a_circle(site):
    """A link to a folder around it would never end."""
    (site / "static" / "sub" / "around").symlink_to(site / "static")
    found = sorted(iter_files(Folder(str(site / "static"), follow_symlinks=True)))

    assert {"inner.txt", "link.txt", "linked/x.txt"} <= set(found)
    assert len(found) < 20


@pytest.mark.parametrize(("name", "is_listed"), [("a.txt.gz", False), ("a.txt.br", False), ("only.gz", True)])
def test_a_compressed_form_is_no_file_of_its_own(site, name, is_listed):
    """It is sent in place of its file; without one it is a file."""
    (site / "static" / name).write_bytes(b"")

    assert is_listed == (name in list(iter_files(Folder(str(site / "static")))))


def test_a_folder_that_is_not_there_has_no_files(site):
    """Its route says so; the list is empty."""

    assert [] == list(iter_files(Folder(str(site / "none"))))
