"""Pages that are sent while they are made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.templating.conftest import MakeSite

from costrel.errors import SessionClosed
from costrel.messages import Request, StreamResponse
from costrel.sessions import flash
from costrel.templating import Locales, Templates, stream_render
from costrel.templating.streaming import MAX_JOINED_CHARACTERS, find_names, iter_joined
from costrel.testing import TestClient

ROWS = "<ul>{% for row in rows %}<li>{{ row }}</li>{% endfor %}</ul>"


class Clock:
    """A clock that each waiting piece moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_quick_pieces_are_joined_and_the_first_is_not() -> None:
    """A page of many pieces is few chunks, and begins with the first piece."""
    groups = list(iter_joined(iter(["x"] * 10_000), Clock()))

    assert "x" * 10_000 == "".join(groups)
    assert ["x", "xx", "xxxx"] == groups[:3]
    assert len(groups) < 20


def test_a_row_does_not_wait_for_the_one_after_it() -> None:
    """What comes after a wait leaves at once."""
    clock = Clock()

    def pieces() -> Iterator[str]:
        for number in range(4):
            clock.now += 1
            yield f"<{number}>"

    assert ["<0>", "<1>", "<2>", "<3>"] == list(iter_joined(pieces(), clock))


def test_a_group_has_a_limit() -> None:
    """Long pieces are joined up to the limit only."""
    groups = list(iter_joined(iter(["x" * 3000] * 100), Clock()))

    assert max(map(len, groups)) < MAX_JOINED_CHARACTERS + 3000


@pytest.mark.capability("C102")
@pytest.mark.parametrize("is_async", [True, False], ids=["async-def", "def"])
def test_the_request_is_there_in_every_row(make_site: MakeSite, is_async: bool) -> None:
    """Request, session, `g` and messages are what they were, also in a row that is made after the head was sent."""
    row = "{{ request.path }} {{ session.name }} {{ g.seen }} {{ current_app.name }};"
    page = f"{{% for row in rows %}}{'-' * 9000}{row}{{% endfor %}}{{{{ get_flashed_messages() }}}}"
    app = make_site({"templates/page.html": page}, secret_key="k" * 32)

    def make(request: Request) -> StreamResponse:
        request.session["name"] = "<Ada>"
        request.g.seen = "yes"
        flash("hello")
        return stream_render("page.html", rows=range(50))

    async def make_async(request: Request) -> StreamResponse:
        return make(request)

    app.get("/")(make_async if is_async else make)
    with app.test_client() as client:
        text = client.get("/").text.replace("-", "")
        again = client.get("/").text

    assert "/ &lt;Ada&gt; yes shop;" * 50 + "[&#39;hello&#39;]" == text
    assert again.endswith("[&#39;hello&#39;]")


def test_the_session_of_a_stream_is_for_reading(make_site: MakeSite) -> None:
    """Its cookie has gone, so nothing in it can be changed; one that is not named is not touched."""
    app = make_site(
        {"templates/a.html": "{{ session.update({'a': 1}) }}", "templates/b.html": "b"}, secret_key="k" * 32
    )
    app.get("/a", name="a")(lambda: stream_render("a.html"))
    app.get("/b", name="b")(lambda: stream_render("b.html"))

    with app.test_client(raise_app_exceptions=False) as client:
        assert 500 == client.get("/a").status_code
        assert "vary" not in client.get("/b").headers


def test_a_failure_midway_breaks_the_page_off(make_site: MakeSite) -> None:
    """The client sees that the page is not whole, and the rows are closed."""
    app = make_site({"templates/rows.html": ROWS})
    closed: list[bool] = []

    def rows() -> Iterator[int]:
        try:
            yield from range(20_000)
            raise LookupError("row")
        finally:
            closed.append(True)

    app.get("/")(lambda: stream_render("rows.html", rows=rows()))
    received: list[bytes] = []
    with app.test_client() as client, pytest.raises(LookupError, match="row"):
        read_into(received, client)
    assert b"".join(received).startswith(b"<ul>")
    assert b"</ul>" not in b"".join(received)
    assert [True] == closed


def test_a_failure_before_the_first_bytes_is_an_error_page(make_site: MakeSite) -> None:
    """What fails at once still has its status."""
    app = make_site({"templates/page.html": "{{ 1 / zero }}"})
    app.get("/")(lambda: stream_render("page.html", zero=0))

    with app.test_client(raise_app_exceptions=False) as client:
        assert 500 == client.get("/").status_code


@pytest.mark.capability("C102")
def test_the_rows_are_closed_when_the_client_leaves(make_site: MakeSite) -> None:
    """A generator that holds a connection gives it back."""
    app = make_site({"templates/rows.html": ROWS})
    closed: list[int] = []

    def rows() -> Iterator[int]:
        number = 0
        try:
            for number in range(10_000_000):
                yield number
        finally:
            closed.append(number)

    app.get("/")(lambda: stream_render("rows.html", rows=rows()))
    with app.test_client() as client:
        leave_after_first(client)

    assert 1 == len(closed)
    assert closed[0] < 10_000_000 - 1


def read_into(received: list[bytes], client: TestClient) -> None:
    """Read all of ``/`` that comes."""
    with client.stream("GET", "/") as response:
        received.extend(response.iter_bytes())


def leave_after_first(client: TestClient) -> None:
    """Read the first bytes of ``/`` and go."""
    with suppress(StopIteration), client.stream("GET", "/") as response:
        next(iter(response.iter_bytes()))


def test_the_language_of_a_stream_is_chosen_before_its_head(make_site: MakeSite) -> None:
    """The fields about the language are there although the first text is translated in a late row."""
    app = make_site({"templates/page.html": "{% for x in range(5000) %}xx{% endfor %}{{ _('a') }}"})
    app.install(Locales(["en", "fr"]))
    app.get("/")(lambda: stream_render("page.html"))

    with app.test_client() as client:
        answer = client.get("/", headers={"accept-language": "fr"})

    assert "fr" == answer.headers["content-language"]
    assert "Accept-Language" in answer.headers["vary"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("page.html", {"session", "a", "cell", "b", "x"}, id="extends-includes-imports"),
        pytest.param("any.html", None, id="chosen-by-a-value"),
        pytest.param("missing.html", set(), id="ignore-missing"),
        pytest.param(None, None, id="given-as-text"),
    ],
)
def test_names_of_a_template_are_found_in_all_it_refers_to(
    make_site: MakeSite, name: str | None, expected: set[str] | None
) -> None:
    """Every file that is named in the text is read, once."""
    app = make_site(
        {
            "templates/layout.html": "{{ session.x }}{% block b %}{% endblock %}{% include 'page.html' %}",
            "templates/page.html": "{% extends 'layout.html' %}{% from 'm.html' import cell %}{{ a }}{{ cell }}",
            "templates/m.html": "{% macro cell(x) %}{{ x }}{{ b }}{% endmacro %}",
            "templates/any.html": "{% include kind %}",
            "templates/missing.html": "{% include 'none.html' ignore missing %}",
        }
    )
    app.build()
    templates = app.extensions["templates"]
    assert isinstance(templates, Templates)

    assert expected == find_names(templates.environment, name)


def test_a_session_that_nobody_knew_of_comes_too_late(make_site: MakeSite) -> None:
    """What cannot be known beforehand is refused with a reason, not dropped."""
    late = "{% for x in range(3000) %}" + "x" * 100 + "{% endfor %}{{ session.a }}"
    app = make_site({"templates/a.html": "{% include kind %}", "templates/b.html": late}, secret_key="k" * 32)
    app.get("/")(lambda: stream_render("a.html", kind="b.html"))

    with app.test_client() as client, pytest.raises(SessionClosed):
        client.get("/")


def test_names_are_found_once(make_site: MakeSite) -> None:
    """A second page of the same template reads no file."""
    app = make_site({"templates/a.html": "{{ a }}"})
    app.build()
    templates = app.extensions["templates"]
    assert isinstance(templates, Templates)
    template = templates.environment.get_template("a.html")
    first = templates.environment.names_of(template)

    assert frozenset({"a"}) == first
    assert first is templates.environment.names_of(template)
