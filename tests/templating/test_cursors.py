"""Places in a list, which stay where they are."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.templating.conftest import MakeSite

from costrel.app import App
from costrel.errors import MissingSecretKey
from costrel.messages import AppSettings
from costrel.templating import Cursor, Pagination
from costrel.testing import TestClient

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as connection:
        connection.execute("create table notes (made text, id integer)")
        yield connection


@pytest.fixture
def client(make_site: MakeSite, database: sqlite3.Connection) -> Iterator[TestClient]:
    """A list of notes, the newest first; several were made at the same time."""
    app = make_site(secret_key="k" * 32)
    app.install(Pagination(size=3, max_size=10))

    @app.get("/notes")
    def notes(cursor: Cursor) -> list[int]:
        made, number = cursor.after(tuple[datetime, int]) or (datetime.max.replace(tzinfo=UTC), 0)
        rows = database.execute(
            "select made, id from notes where (made, id) < (?, ?) order by made desc, id desc limit ?",
            (made.isoformat(), number, cursor.limit),
        ).fetchall()
        return [row[1] for row in cursor.of(rows, key=lambda row: row)]

    @app.get("/others")
    def others(cursor: Cursor) -> str:
        return str(cursor.after(int))

    @app.get("/typed")
    def typed(cursor: Cursor, other: bool = False) -> str:
        if other:
            return str(cursor.after(int))
        return str(list(cursor.of(["a", "b", "c", "d"], key=lambda row: row)))

    with app.test_client() as client:
        yield client


def add(database: sqlite3.Connection, number: int) -> None:
    """Make a note; three of them share a time."""
    made = START + timedelta(seconds=number // 3)
    database.execute("insert into notes values (?, ?)", (made.isoformat(), number))


def next_of(answer: Any) -> str | None:
    """Return where the next page is."""
    found = re.search(r'<([^>]*)>; rel="next"', answer.headers.get("link", ""))
    return found[1] if found else None


@pytest.mark.capability("C149")
def test_a_cursor_is_stable_under_inserts_and_deletes(client: TestClient, database: sqlite3.Connection) -> None:
    """While rows come in front and go behind, none is shown twice and none is left out."""
    for number in range(20):
        add(database, number)
    shown: list[int] = []
    target: str | None = ""
    for number in range(20, 100):
        answer = client.get(f"/notes{target}")
        shown += answer.json()
        add(database, number)
        database.execute("delete from notes where id = ?", (shown[-1],))
        target = next_of(answer)
        if target is None:
            break

    assert list(range(19, -1, -1)) == shown


def test_the_first_page_has_no_way_back_and_the_last_no_way_on(
    client: TestClient, database: sqlite3.Connection
) -> None:
    """The links are those that there are, and the rest of the query stays."""
    for number in range(4):
        add(database, number)
    first = client.get("/notes?q=a%20b")
    last = client.get(f"/notes{next_of(first)}")

    assert [3, 2, 1] == first.json()
    assert [0] == last.json()
    assert '<?q=a%20b>; rel="first"' == last.headers["link"]
    assert 'rel="first"' not in first.headers["link"]


def test_a_list_of_one_page_has_no_links(client: TestClient) -> None:
    """An empty list is one page."""
    answer = client.get("/notes")

    assert ([], None) == (answer.json(), answer.headers.get("link"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x", id="short"),
        pytest.param("WzFd", id="unsigned"),
        pytest.param("A" * 40, id="wrong-signature"),
        pytest.param("A" * 1025, id="too-long"),
        pytest.param("%00%ff", id="bytes"),
        pytest.param("ü", id="not-ascii"),
        pytest.param("AAAA=AAA", id="padding-inside"),
    ],
)
def test_a_cursor_that_nobody_gave_out_is_refused(client: TestClient, text: str) -> None:
    """It is a 422 that names the parameter, never an error of ours."""
    answer = client.get(f"/notes?cursor={text}")

    assert (422, "cursor") == (answer.status_code, answer.json()["errors"][0]["at"])


def test_every_changed_character_is_noticed(client: TestClient, database: sqlite3.Connection) -> None:
    """A client cannot move its place."""
    for number in range(4):
        add(database, number)
    target = str(next_of(client.get("/notes")))
    start, _, text = target.partition("cursor=")
    changed = [f"{text[:at]}{'A' if text[at] != 'A' else 'B'}{text[at + 1 :]}" for at in range(0, len(text) - 1, 3)]

    assert 200 == client.get(f"/notes{target}").status_code
    assert {422} == {client.get(f"/notes{start}cursor={one}").status_code for one in changed}


def test_a_cursor_of_another_list_is_refused(client: TestClient, database: sqlite3.Connection) -> None:
    """The key of a note is no key of anything else."""
    for number in range(4):
        add(database, number)

    assert 422 == client.get(f"/others{next_of(client.get('/notes'))}").status_code


def test_a_cursor_of_another_type_is_refused(client: TestClient) -> None:
    """A list that has got another key since says so to those who come with the old one."""
    target = next_of(client.get("/typed"))

    assert 422 == client.get(f"/typed{target}&other=1").status_code


def test_keys_are_rotated(make_site: MakeSite) -> None:
    """A cursor that was signed with the key before is still one."""

    def site(*keys: str) -> App:
        app = App("shop", settings=AppSettings(secret_key=keys))
        app.install(Pagination(size=1))

        @app.get("/")
        def rows(cursor: Cursor) -> list[int]:
            return list(cursor.of([cursor.after(int) or 0, 7], key=int))

        return app

    with site("a" * 32).test_client() as client:
        target = str(next_of(client.get("/")))
    with site("b" * 32, "a" * 32).test_client() as client:
        assert 200 == client.get(f"/{target}").status_code
    with site("b" * 32).test_client() as client:
        assert 422 == client.get(f"/{target}").status_code


def test_without_a_key_nothing_is_signed(make_site: MakeSite) -> None:
    """A list that has more pages says what is missing; a short one needs no key."""
    app = make_site()
    app.install(Pagination(size=2))

    @app.get("/{count}")
    def rows(cursor: Cursor, count: int) -> list[int]:
        return list(cursor.of(list(range(count)), key=int))

    with app.test_client() as client:
        assert [0, 1] == client.get("/2").json()
        with pytest.raises(MissingSecretKey, match="A cursor needs"):
            client.get("/3")


def test_a_key_that_is_too_long_is_ours(make_site: MakeSite) -> None:
    """A cursor that could not be handed back is not given out."""
    app = make_site(secret_key="k" * 32)
    app.install(Pagination(size=1))

    @app.get("/long")
    def rows(cursor: Cursor) -> list[str]:
        return list(cursor.of(["x" * 1000, "y"], key=str))

    with app.test_client() as client, pytest.raises(ValueError, match="too long for a cursor"):
        client.get("/long")
