"""From a registration to an answer: what a route takes and gives, as an application shows it."""

from __future__ import annotations

import random
from typing import Annotated

import pytest

from costrel.app import App, Blueprint
from costrel.errors import BuildError, Pass
from costrel.handling import Query
from costrel.messages import Request, Response
from costrel.routing import Converter, HeaderIs
from costrel.testing import TestClient


def answers(app: App, *paths: str) -> list[tuple[int, str]]:
    """Ask for each path."""
    with TestClient(app) as client:
        responses = [client.get(path) for path in paths]
    return [(response.status_code, response.text if response.is_success else "") for response in responses]


@pytest.mark.capability("C002")
def test_a_parameter_is_converted_by_its_annotation() -> None:
    """``id: int`` implies the converter, so another text is another path."""
    app = App("test", extensions=())

    @app.get("/users/{id}")
    async def show(id: int) -> list[object]:
        return [id, type(id).__name__]

    @app.get("/flask/<int:id>")
    async def flask(id):
        return [id, type(id).__name__]

    assert [(200, '[3,"int"]'), (200, '[3,"int"]'), (404, ""), (404, "")] == answers(
        app, "/users/3", "/flask/3", "/users/x", "/flask/x"
    )


@pytest.mark.capability("C003")
def test_a_converter_of_ones_own_reads_and_writes() -> None:
    """What `url_for` builds with a converter matches back to the same value."""

    class Hex(Converter):
        def parse(self, text: str) -> int:
            return int(text, 16)

        def format(self, value: object) -> str:
            return f"{value:x}"

    app = App("test", extensions=())
    app.converter("hex")(Hex)

    @app.get("/colors/{color:hex}")
    async def color(color) -> str:
        return str(color)

    path = app.url_for("color", color=255)

    assert ("/colors/ff", [(200, "255"), (404, "")]) == (path, answers(app, path, "/colors/zz"))


@pytest.mark.capability("C005")
@pytest.mark.pain("P35")
@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_registration_does_not_matter(seed: int) -> None:
    """The most specific route that has the method answers, whatever was registered first."""
    patterns = ["/users/me", "/users/{id:int}", "/users/{name}", "/{rest:path}", "/users/{a}-{b}"]
    random.Random(seed).shuffle(patterns)
    app = App("test", extensions=())
    for pattern in patterns:
        app.add_route(pattern, lambda pattern=pattern: pattern, name=pattern, inline=True)

    expected = ["/users/me", "/users/{id:int}", "/users/{name}", "/users/{a}-{b}", "/{rest:path}"]

    assert expected == [text for _, text in answers(app, "/users/me", "/users/7", "/users/bob", "/users/a-b", "/x/y")]


@pytest.mark.capability("C007")
def test_a_second_route_for_the_same_path_is_refused_with_both_places() -> None:
    """Two handlers for one path and method is a mistake that names both lines."""
    app = App("test", extensions=())
    app.add_route("/a", lambda: "1", name="one")
    app.add_route("/a", lambda: "2", name="two")

    with pytest.raises(BuildError) as caught:
        app.build()

    assert 2 == str(caught.value).count("test_build_routes.py:")


@pytest.mark.capability("C008")
@pytest.mark.capability("C013")
def test_a_route_with_a_mistake_clashes_in_the_same_report() -> None:
    """Who mends the one mistake must not meet the other only then."""
    app = App("test", extensions=())

    @app.get("/orders")
    def first(response: Response) -> str:
        return "x"

    @app.get("/orders")
    def second() -> str:
        return "x"

    with pytest.raises(BuildError) as caught:
        app.build()

    assert ["COS-HANDLER-014", "COS-ROUTE-013"] == [mistake.code for mistake in caught.value.mistakes]


def test_prefixes_and_names_of_nested_blueprints_are_joined() -> None:
    """Three groups inside each other put their prefixes and their names before those of the route."""
    inner, middle, outer = Blueprint("users", prefix="/users"), Blueprint("v1", prefix="/v1"), Blueprint("api")

    @inner.get("/{id}")
    async def show(id: int) -> str:
        return f"user {id}"

    middle.register(inner)
    outer.register(middle)
    app = App("test", extensions=())
    app.register(outer, prefix="/api")

    path = app.url_for("api.v1.users.show", id=3)

    assert ("/api/v1/users/3", [(200, "user 3")]) == (path, answers(app, path))


@pytest.mark.capability("C010")
@pytest.mark.capability("X05")
def test_hosts_have_routes_of_their_own() -> None:
    """One path is two handlers on two hosts, and a label of the host is a parameter."""
    api, tenants = Blueprint("api"), Blueprint("tenants")
    app = App("test", extensions=())

    @api.get("/")
    async def of_api() -> str:
        return "api"

    @tenants.get("/")
    async def of_tenant(tenant: str) -> str:
        return tenant

    @app.get("/")
    async def of_all() -> str:
        return "all"

    app.host("api.example.com", api)
    app.host("{tenant}.example.com", tenants)

    with TestClient(app) as client:
        texts = [
            client.get("/", headers={"host": host}).text
            for host in ("api.example.com", "acme.example.com", "other.org")
        ]

    assert ["api", "acme", "all"] == texts


@pytest.mark.capability("C011")
@pytest.mark.capability("C012")
def test_a_predicate_chooses_and_every_answer_it_touched_varies() -> None:
    """Caches must keep the answers apart, also the one that no predicate chose and the 404."""
    app = App("test", extensions=())
    app.add_route("/v", lambda: "2", name="two", when=HeaderIs("accept-version", "2"), inline=True)
    app.add_route("/v", lambda: "1", name="one", inline=True)
    app.add_route("/other", lambda: "other", name="other", inline=True)

    with TestClient(app) as client:
        chosen = client.get("/v", headers={"accept-version": "2"})
        others = [client.get(path) for path in ("/v", "/nothing", "/other")]

    assert ("2", "accept-version") == (chosen.text, chosen.headers["vary"])
    assert ["accept-version", "accept-version", None] == [response.headers.get("vary") for response in others]
    assert "1" == others[0].text


@pytest.mark.capability("C012")
def test_a_route_whose_predicate_is_false_is_not_there() -> None:
    """`when` may look at anything of the request."""
    app = App("test", extensions=())

    def is_internal(request: Request) -> bool:
        return "internal" in request.query

    app.add_route("/x", lambda: "x", name="x", when=is_internal, inline=True)

    assert [(200, "x"), (404, "")] == answers(app, "/x?internal", "/x")


@pytest.mark.capability("C015")
def test_one_blueprint_serves_under_two_prefixes() -> None:
    """Each registration has its own name, and the hooks run once for each request."""
    part = Blueprint("part")
    runs: list[str] = []

    @part.before_request
    async def count() -> None:
        runs.append("hook")

    @part.get("/page")
    async def page() -> str:
        return "page"

    app = App("test", extensions=())
    app.register(part, prefix="/a")
    app.register(part, prefix="/b", name="again")

    assert ("/a/page", "/b/page") == (app.url_for("part.page"), app.url_for("again.page"))
    assert ([(200, "page")] * 2, ["hook"] * 2) == (answers(app, "/a/page", "/b/page"), runs)


@pytest.mark.capability("C019")
def test_head_is_get_without_content() -> None:
    """HEAD has the fields of GET, and a generator of the handler is not run to its end."""
    app = App("test", extensions=())
    pulled: list[int] = []

    @app.get("/page")
    async def page() -> str:
        return "content"

    @app.get("/stream")
    async def stream():
        for number in range(100):
            pulled.append(number)
            yield f"{number}\n"

    with TestClient(app) as client:
        got, head, streamed = client.get("/page"), client.head("/page"), client.head("/stream")

    assert (got.status_code, got.headers.raw) == (head.status_code, head.headers.raw)
    assert (b"", b"", 200) == (head.content, streamed.content, streamed.status_code)
    assert len(pulled) < 100


@pytest.mark.capability("C020")
@pytest.mark.capability("X06")
def test_a_wrong_method_is_405_and_options_lists_the_right_ones() -> None:
    """`Allow` has exactly what is registered for the path, and what follows from it."""
    app = App("test", extensions=())
    app.add_route("/x", lambda: "x", name="get_x", methods=["GET"], inline=True)
    app.add_route("/x", lambda: "x", name="put_x", methods=["PUT"], inline=True)

    with TestClient(app) as client:
        refused, options = client.post("/x"), client.options("/x")

    assert [(405, "GET, HEAD, OPTIONS, PUT"), (204, "GET, HEAD, OPTIONS, PUT")] == [
        (response.status_code, response.headers["allow"]) for response in (refused, options)
    ]


@pytest.mark.capability("C021")
@pytest.mark.pain("P17")
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param("ignore", (200, "kept", None), id="ignore-is-the-same-route"),
        pytest.param("strict", (404, "", None), id="strict-is-another-path"),
        pytest.param("redirect", (308, "", "/mail?q=1"), id="redirect-is-relative-and-keeps-method-and-query"),
    ],
)
def test_a_final_slash_is_what_the_policy_says(policy: str, expected: tuple[int, str, str | None]) -> None:
    """A POST never loses its body, and no redirect names a scheme or host."""
    app = App("test", extensions=())

    @app.post("/mail", trailing_slash=policy)
    async def mail(text: Annotated[str, Query()] = "") -> str:
        return "kept"

    with TestClient(app) as client:
        response = client.post("/mail/?q=1", content=b"body")

    text = response.text if response.is_success else ""

    assert expected == (response.status_code, text, response.headers.get("location"))


@pytest.mark.capability("C024")
def test_pass_tries_the_next_route() -> None:
    """`raise Pass` gives the request on, in order of specificity; after the last it is 404."""
    app = App("test", extensions=())

    @app.get("/{page}", fallthrough=True)
    async def page(page: str) -> str:
        if page != "home":
            raise Pass
        return "page"

    @app.get("/{rest:path}", fallthrough=True)
    def rest(rest: str) -> str:
        if rest == "nothing":
            raise Pass
        return f"rest {rest}"

    assert [(200, "page"), (200, "rest other"), (404, "")] == answers(app, "/home", "/other", "/nothing")


@pytest.mark.capability("C057")
@pytest.mark.parametrize(
    ("action", "expected"),
    [
        pytest.param("reject", 422, id="reject-answers-422"),
        pytest.param("log", 200, id="log-passes"),
        pytest.param("ignore", 200, id="ignore-passes"),
    ],
)
def test_a_wrong_value_does_what_its_source_says(action: str, expected: int, caplog: pytest.LogCaptureFixture) -> None:
    """`on_fail` is said for each source; a value that passes is the default."""
    app = App("test", extensions=())

    @app.get("/", on_fail={"query": action})
    async def index(page: int = 1) -> int:
        return page

    with TestClient(app) as client:
        response = client.get("/?page=x")

    assert expected == response.status_code
    assert ("log" == action) == bool([record for record in caplog.records if "costrel" in record.name])


@pytest.mark.capability("X01")
@pytest.mark.capability("X02")
@pytest.mark.capability("X03")
def test_shapes_of_patterns() -> None:
    """A segment may be left out, take the rest, or hold several parameters."""
    app = App("test", extensions=())

    @app.get("/archive/{year:int?}")
    async def archive(year: int = 2000) -> str:
        return f"archive {year}"

    @app.get("/files/{path:path}")
    async def files(path: str) -> str:
        return f"file {path}"

    @app.get("/img/{a}-{b}.{ext}")
    async def image(a: str, b: str, ext: str) -> str:
        return f"{a} {b} {ext}"

    assert [(200, "archive 2000"), (200, "archive 1999"), (200, "file a/b"), (200, "x y png")] == answers(
        app, "/archive", "/archive/1999", "/files/a/b", "/img/x-y.png"
    )


@pytest.mark.capability("X07")
def test_a_redirect_stands_in_the_table() -> None:
    """The old path answers 308 to the new one, parameters and query string kept."""
    app = App("test", extensions=())
    part = Blueprint("part", prefix="/shop")
    part.add_redirect("/old/{id}", "/new/{id}")
    app.register(part)

    with TestClient(app) as client:
        response = client.get("/shop/old/3?q=a%20b")

    assert (308, "/shop/new/3?q=a%20b") == (response.status_code, response.headers["location"])


def test_hooks_of_a_route_run_inside_those_of_its_groups() -> None:
    """Before: from the outside in; after and teardown: from the inside out, the last registered first."""
    log: list[str] = []
    app, part = App("test", extensions=()), Blueprint("part")

    def note(text: str, *, gives_back: bool = False):
        async def before() -> None:
            log.append(text)

        async def after(response):
            log.append(text)
            return response

        return after if gives_back else before

    app.before_request(note("app before"))
    part.before_request(note("part before"))
    app.after_request(note("app after", gives_back=True))
    part.after_request(note("part after", gives_back=True))
    app.teardown_request(note("app teardown"))
    part.teardown_request(note("part teardown"))
    part.add_route(
        "/",
        lambda: log.append("handler") or "x",
        name="index",
        before=[note("route before 1"), note("route before 2")],
        after=[note("route after 1", gives_back=True), note("route after 2", gives_back=True)],
        teardown=[note("route teardown")],
    )
    app.register(part)

    with TestClient(app) as client:
        client.get("/")

    assert [
        "app before",
        "part before",
        "route before 1",
        "route before 2",
        "handler",
        "route after 2",
        "route after 1",
        "part after",
        "app after",
        "route teardown",
        "part teardown",
        "app teardown",
    ] == log


@pytest.mark.capability("C009")
def test_values_of_every_url_are_handled_in_one_place() -> None:
    """A preprocessor takes a parameter out of every path, and URL defaults put it into every URL."""
    app = App("test", extensions=())
    pages = Blueprint("pages", prefix="/{lang}")

    @pages.url_value_preprocessor
    def take(name: str, values: dict[str, object]) -> None:
        from costrel import g

        g.lang = values.pop("lang")

    @pages.url_defaults
    def give(name: str, values: dict[str, object]) -> None:
        from costrel import g

        values.setdefault("lang", g.lang)

    @pages.get("/about")
    async def about(request: Request) -> str:
        return (
            f"{request.g.lang} {request.path_params} {request.url_for('.about')} {request.url_for('.about', lang='de')}"
        )

    app.register(pages)

    assert [(200, "fr {} /fr/about /de/about")] == answers(app, "/fr/about")


@pytest.mark.capability("N27")
def test_plain_type_hints_validate() -> None:
    """Nothing but annotations decides what is accepted, and every error is listed."""
    app = App("test", extensions=())

    @app.get("/items")
    async def items(page: int, size: float, sort: bool = False) -> list[object]:
        return [page, size, sort]

    with TestClient(app) as client:
        good, wrong = client.get("/items?page=2&size=1.5&sort=true"), client.get("/items?page=x&size=y")

    assert [2, 1.5, True] == good.json()
    assert (422, ["page", "size"]) == (wrong.status_code, [error["at"] for error in wrong.json()["errors"]])
