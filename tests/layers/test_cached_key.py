"""What an answer is kept under: requests that may get different answers never share one, others do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies

from costrel.app import App, AppSettings, session
from costrel.layers import Cached
from costrel.messages import Dispatch, Request, Response
from costrel.routing import Converter
from costrel.testing import TestClient

JSON = {"Accept": "application/json"}
GERMAN = {"Accept-Language": "de"}
OTHER_HOST = {"Host": "b.test"}

Ask = tuple[str, dict[str, str]]


def app_with(layer: Cached) -> App:
    """Serve pages that repeat everything of the request that an attacker may choose."""
    app = App("test", use=[layer], settings=AppSettings(secret_key="k" * 32))
    count = 0

    def counted() -> int:
        nonlocal count
        count += 1
        return count

    @app.get("/{path:path}")
    async def page(path: str) -> str:
        return f"{counted()}"

    @app.get("/number/{id}")
    async def number(id: int) -> str:
        return f"{counted()}"

    @app.get("/vary/by/language")
    async def by_language(request: Request) -> Response:
        response = Response(f"{counted()}")
        response.vary("Accept-Language")
        return response

    return app


def share(layer: Cached, one: Ask, other: Ask) -> bool:
    """Whether two requests get one answer."""
    with app_with(layer).test_client(raise_app_exceptions=False) as client:
        return client.get(one[0], headers=one[1]).text == client.get(other[0], headers=other[1]).text


@pytest.mark.security("F7")
@pytest.mark.parametrize(
    ("options", "one", "other", "expected"),
    [
        pytest.param({}, ("/a", {}), ("/a", {}), True, id="the-same"),
        pytest.param({}, ("/a", {}), ("/b", {}), False, id="another-path"),
        pytest.param({}, ("/k45", {}), ("/k-", {}), False, id="a-path-that-folds-alike"),
        pytest.param({}, ("/k", {}), ("/%E2%84%AA", {}), False, id="kelvin-sign"),
        pytest.param({}, ("/caf%C3%A9", {}), ("/cafe%CC%81", {}), False, id="another-normal-form"),
        pytest.param({}, ("/a", {}), ("/%61", {}), True, id="another-spelling-of-the-path"),
        pytest.param({}, ("/a/b", {}), ("/a%2Fb", {}), True, id="the-same-parameter-with-a-slash"),
        pytest.param({}, ("/number/1", {}), ("/number/1/", {}), True, id="a-final-slash"),
        pytest.param({}, ("/number/1", {}), ("/number/2", {}), False, id="another-parameter"),
        pytest.param({}, ("/a?x=1", {}), ("/a?x=2", {}), False, id="another-query"),
        pytest.param({}, ("/a?x=1&y=2", {}), ("/a?x=1;y=2", {}), False, id="another-separator"),
        pytest.param({}, ("/a?x=1", {}), ("/a", {}), False, id="no-query"),
        pytest.param({"query": ["x"]}, ("/a?x=1&utm=1", {}), ("/a?utm=2&x=1", {}), True, id="a-query-that-is-hidden"),
        pytest.param({"query": ["x"]}, ("/a?x=1&x=2", {}), ("/a?x=1", {}), False, id="a-parameter-twice"),
        pytest.param({"query": ["x"]}, ("/a?x=1&y=2", {}), ("/a?x=1;y=2", {}), False, id="a-separator-in-a-value"),
        pytest.param({"query": []}, ("/a?x=1", {}), ("/a", {}), True, id="every-query-is-hidden"),
        pytest.param({}, ("/a", {}), ("/a", OTHER_HOST), False, id="another-host"),
        pytest.param({}, ("/a", {"Host": "b.test:81"}), ("/a", OTHER_HOST), False, id="another-port"),
        pytest.param({}, ("/a", {"Host": "B.test"}), ("/a", OTHER_HOST), True, id="another-case-of-the-host"),
        pytest.param({}, ("/a", {}), ("/a", JSON), True, id="a-field-that-nobody-reads"),
        pytest.param({"vary": ["accept"]}, ("/a", {}), ("/a", JSON), False, id="a-field-of-the-layer"),
        pytest.param({"vary": ["accept"]}, ("/a", {"Accept": ""}), ("/a", {}), False, id="an-empty-field"),
        pytest.param({}, ("/vary/by/language", {}), ("/vary/by/language", GERMAN), False, id="a-field-of-the-answer"),
        pytest.param({}, ("/vary/by/language", GERMAN), ("/vary/by/language", GERMAN), True, id="the-same-field"),
        pytest.param({}, ("/a", {}), ("/a", {"Authorization": "Bearer a"}), False, id="authorization"),
        pytest.param({}, ("/a", {"Authorization": "Bearer a"}), ("/a", {}), False, id="authorization-first"),
        pytest.param({}, ("/a", {"Cookie": "a=b"}), ("/a", {}), True, id="a-cookie-that-nobody-reads"),
        pytest.param(
            {"by": lambda request: request.headers.get("authorization")},
            ("/a", {"Authorization": "Bearer a"}),
            ("/a", {"Authorization": "Bearer b"}),
            False,
            id="somebody-else",
        ),
        pytest.param(
            {"by": lambda request: request.headers.get("authorization")},
            ("/a", {"Authorization": "Bearer a"}),
            ("/a", {"Authorization": "Bearer a"}),
            True,
            id="the-same-one",
        ),
        pytest.param(
            {"by": lambda request: "everybody"}, ("/a", {}), ("/a", {"Authorization": "Bearer b"}), True, id="one-group"
        ),
    ],
)
def test_requests_share_an_answer_or_do_not(options: dict[str, object], one: Ask, other: Ask, expected: bool) -> None:
    """What is in the key, and what is not."""

    assert expected is share(Cached(60, **options), one, other)


@pytest.mark.security("F7")
def test_a_handler_sees_no_parameter_that_is_not_in_the_key() -> None:
    """So what it makes of the query, nobody else has chosen; layers outside see all of it."""
    seen: list[bytes] = []

    async def outside(request: Request, call_next: Dispatch) -> Response:
        response = await call_next(request)
        seen.append(request.query_string)
        return response

    app = App("test", use=[outside, Cached(60, query=["page", "sort"])])

    @app.get("/")
    async def page(request: Request, evil: str = "none") -> str:
        return f"{evil} {request.query_string.decode()} {request.url} {sorted(request.query)}"

    with app.test_client() as client:
        text = client.get("/?evil=%3Cscript%3E&sort=a&page=1&page=2").text

    assert "none page=1&page=2&sort=a http://localhost/?page=1&page=2&sort=a ['page', 'sort']" == text
    assert [b"evil=%3Cscript%3E&sort=a&page=1&page=2"] == seen


@pytest.mark.security("F7")
def test_a_session_is_nobody_elses() -> None:
    """A page that looks into the session is made for each; one that does not is shared by all."""
    app = App("test", use=[Cached(60)], settings=AppSettings(secret_key="k" * 32))

    @app.post("/login/{name}", use=[])
    async def login(name: str) -> str:
        session["name"] = name
        return "hello"

    @app.get("/mine")
    async def mine() -> str:
        return str(session.get("name"))

    @app.get("/all")
    async def everybody() -> str:
        return "all"

    with app.test_client() as one, TestClient(app) as two:
        one.post("/login/one")
        assert ["one", "one"] == [one.get("/mine").text, one.get("/mine").text]
        assert "None" == two.get("/mine").text
        assert "cookie" == one.get("/mine").headers["vary"].lower()
        one.get("/all")
        assert "hit" in two.get("/all").headers["cache-status"]


def test_a_value_of_a_converter_that_has_no_encoding_is_told_by_its_path() -> None:
    """A converter may return anything."""

    class Complex(Converter):
        def parse(self, text: str) -> object:
            return complex(text)

    app = App("test", use=[Cached(60)])
    app.converter("complex")(Complex)

    @app.get("/{value:complex}")
    async def page(value: object) -> str:
        return f"{value}"

    with app.test_client() as client:
        answers = [client.get(path) for path in ("/1+2j", "/1+3j", "/1+2j")]

    assert ["(1+2j)", "(1+3j)", "(1+2j)"] == [answer.text for answer in answers]
    assert [False, False, True] == ["hit" in answer.headers["cache-status"] for answer in answers]


@settings(max_examples=20, deadline=None)
@given(strategies.lists(strategies.sampled_from(["a", "b", "&", "=", ";", "%26", "%3D", "a=1"]), max_size=5))
def test_an_allow_list_never_mixes_up_values(parts: list[str]) -> None:
    """What the handler is shown follows from the key alone, however the query is spelled."""
    query = "".join(parts)
    with CLIENT as client:
        shown = client.get(f"/?{query}")
        again = client.get(f"/?{shown.text}")

    assert shown.text == again.text
    assert "hit" in again.headers["cache-status"]


def _echo() -> App:
    app = App("test", use=[Cached(60, query=["a", "b"])])

    @app.get("/")
    async def page(request: Request) -> Response:
        return Response(request.query_string)

    return app


CLIENT = TestClient(_echo())
