"""The route table: which target a request finds, and what is said when it finds none."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import assume, given, settings, strategies as st

from costrel.routing import AcceptVersion, HeaderIs, Pattern, RouteEntry, build_table, parse_pattern
from costrel.routing.entries import slash_forms


@pytest.mark.capability("C002")
@pytest.mark.parametrize(
    ("routes", "path", "target", "path_params"),
    [
        pytest.param(["/"], "/", "GET /", {}, id="the-root"),
        pytest.param(["/a/b"], "/a/b", "GET /a/b", {}, id="a-literal-path"),
        pytest.param(["/a/{id:int}"], "/a/7", "GET /a/{id:int}", {"id": 7}, id="one-parameter"),
        pytest.param(["/a/{b}/c/{d}"], "/a/x/c/y", "GET /a/{b}/c/{d}", {"b": "x", "d": "y"}, id="two-parameters"),
        pytest.param(
            ["/{a}-{b}.{c}"], "/x-y.z", "GET /{a}-{b}.{c}", {"a": "x", "b": "y", "c": "z"}, id="in-one-segment"
        ),
        pytest.param(["/f/{p:path}"], "/f/a/b", "GET /f/{p:path}", {"p": "a/b"}, id="a-path"),
        pytest.param(["/f/{p:path}"], "/f/a/", "GET /f/{p:path}", {"p": "a/"}, id="a-path-with-a-slash-at-its-end"),
        pytest.param(["/f/{p:path}/"], "/f/a/", "GET /f/{p:path}/", {"p": "a"}, id="a-slash-after-a-path"),
        pytest.param(["/f/{p:path}/e"], "/f/a//b/e", "GET /f/{p:path}/e", {"p": "a//b"}, id="a-path-in-the-middle"),
        pytest.param(["/é/{x}"], "/é/ü ", "GET /é/{x}", {"x": "ü "}, id="text-outside-of-ascii"),
        pytest.param(["/a/{id:int}"], "/a/x", None, {}, id="a-converter-that-refuses"),
        pytest.param(["/a/{b}"], "/a", None, {}, id="a-segment-too-few"),
        pytest.param(["/a/{b}"], "/a/b/c", None, {}, id="a-segment-too-many"),
        pytest.param(["/f/{p:path}"], "/f/", None, {}, id="an-empty-path"),
    ],
)
def test_a_path_finds_its_target(
    make_table: Any, make_request: Any, routes: list[str], path: str, target: str | None, path_params: dict[str, object]
) -> None:
    """The values of the parameters are converted and named."""
    request = make_request(path)

    assert target == make_table(*routes).find(request)
    assert path_params == request.path_params


@pytest.mark.security("B14")
@pytest.mark.security("F8")
@pytest.mark.parametrize(
    "path",
    [
        "//admin/secret", "/admin//secret", "/admin/secret//", "/ADMIN/secret", "/admin/Secret", "/admin;x/secret",
        "/admin/secret;x", "/%61dmin/secret", "/admin/./secret", "/admin/x/../secret", "/admin/secret.css",
        "/admin/secret\n", "/admin/secret/x.css", "/admin\\secret", "admin/secret", "", "*", "/admin/secret\x00",
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["/admin/secret", "/admin/{x:any(secret)}", "/{x:any(admin)}/secret"])
def test_another_spelling_is_another_path(make_table: Any, make_request: Any, text: str, path: str) -> None:
    """Empty segments, case, parameters of segments, suffixes and encodings never lead to the same route."""

    assert make_table(text).find(make_request("/admin/secret")) is not None
    assert make_table(text).find(make_request(path)) is None
    assert make_table(text).explain(make_request(path)).allowed == frozenset()
    assert [] == list(make_table(text).candidates(make_request(path)))


@pytest.mark.security("B14")
@pytest.mark.parametrize("path", ["", "*", "a", "//", "//a"])
def test_a_parameter_at_the_root_takes_no_odd_path(make_table: Any, make_request: Any, path: str) -> None:
    """What does not begin with one slash matches nothing, not even a parameter."""
    table = make_table("/", "/{x}", "/{p:path}")

    assert table.find(make_request(path)) is None


@pytest.mark.capability("C005")
@pytest.mark.pain("P35")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/users/me", "GET /users/me", id="a-literal"),
        pytest.param("/users/7", "GET /users/{id:int}", id="an-int"),
        pytest.param("/users/x-y", "GET /users/{a}-{b}", id="a-segment-with-literal-text"),
        pytest.param("/users/joe", "GET /users/{name}", id="a-parameter"),
        pytest.param("/users/joe/x", "GET /users/{rest:path}", id="a-path"),
        pytest.param("/other/joe", "GET /{a}/{b}", id="two-parameters"),
        pytest.param("/other", "GET /{all:path}", id="everything-else"),
    ],
)
def test_the_most_specific_pattern_wins_in_every_order(
    make_table: Any, make_request: Any, path: str, expected: str
) -> None:
    """The order of registration never matters."""
    routes = [
        "/users/me", "/users/{id:int}", "/users/{a}-{b}", "/users/{name}", "/users/{rest:path}", "/{a}/{b}",
        "/{all:path}",
    ]  # fmt: skip
    for seed in range(10):
        random.Random(seed).shuffle(routes)

        assert expected == make_table(*routes).find(make_request(path))


@pytest.mark.capability("C005")
def test_the_most_specific_pattern_that_has_the_method_wins(
    make_table: Any, make_entry: Any, make_request: Any
) -> None:
    """A more specific pattern without the method does not hide a less specific one with it."""
    table = make_table("/users/me", make_entry("/users/{id}", "POST"), make_entry("/{p:path}", "PUT"))

    assert "GET /users/me" == table.find(make_request("/users/me"))
    assert "POST /users/{id}" == table.find(make_request("/users/me", "POST"))
    assert "PUT /{p:path}" == table.find(make_request("/users/me", "PUT"))
    assert table.find(make_request("/users/me", "DELETE")) is None


@pytest.mark.capability("C019")
@pytest.mark.pain("P35")
def test_head_follows_get(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """HEAD finds the GET route, unless the same pattern has one of its own."""
    table = make_table(
        "/a", "/b", "/c/{x}", make_entry("/b", "HEAD"), make_entry("/c/{y}", "HEAD"), make_entry("/p", "POST")
    )

    assert "GET /a" == table.find(make_request("/a", "HEAD"))
    assert "HEAD /b" == table.find(make_request("/b", "HEAD"))
    assert "HEAD /c/{y}" == table.find(make_request("/c/1", "HEAD"))
    assert table.find(make_request("/p", "HEAD")) is None


@pytest.mark.capability("C022")
def test_any_token_is_a_method(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """Methods are compared exactly, standard or not."""
    table = make_table(make_entry("/a", "QUERY"), make_entry("/a", "PURGE"))

    assert "QUERY /a" == table.find(make_request("/a", "QUERY"))
    assert "PURGE /a" == table.find(make_request("/a", "PURGE"))
    assert table.find(make_request("/a", "query")) is None


@pytest.mark.security("B17")
def test_a_handshake_is_no_method_that_a_client_can_send(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """WebSocket routes are found by handshakes only."""
    table = make_table(make_entry("/ws", "WEBSOCKET"), make_entry("/both", "GET WEBSOCKET"), "/http")

    assert "WEBSOCKET /ws" == table.find(make_request("/ws", is_websocket=True))
    assert "GET WEBSOCKET /both" == table.find(make_request("/both", is_websocket=True))
    assert table.find(make_request("/http", is_websocket=True)) is None
    for method in ("GET", "WEBSOCKET", "websocket"):
        assert table.find(make_request("/ws", method)) is None


@pytest.mark.capability("C020")
@pytest.mark.capability("X06")
def test_the_methods_of_a_path_are_the_union(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """All patterns that match count, with HEAD and OPTIONS, without handshakes."""
    table = make_table(
        "/a/b", make_entry("/a/{x}", "POST"), make_entry("/{p:path}", "PUT"), make_entry("/a/b", "WEBSOCKET")
    )

    assert frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT"}) == table.explain(make_request("/a/b", "X")).allowed
    assert frozenset({"OPTIONS", "PUT"}) == table.explain(make_request("/x", "GET")).allowed
    assert not table.explain(make_request("/a/b", "X")).websocket_only


@pytest.mark.capability("C020")
def test_an_unknown_path_allows_nothing(make_table: Any, make_request: Any) -> None:
    """No pattern matches, so it is 404, and the near ones are known."""
    found = make_table("/users/{id}").explain(make_request("/user/5"))

    assert (frozenset(), None, False) == (found.allowed, found.redirect_to, found.websocket_only)
    assert ("/users/{id}",) == found.near


def test_a_path_of_handshakes_only_is_known(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """A plain request to a WebSocket route is neither 404 nor 405."""
    found = make_table(make_entry("/ws/{room}", "WEBSOCKET")).explain(make_request("/ws/a"))

    assert found.websocket_only
    assert frozenset() == found.allowed


@pytest.mark.capability("C021")
@pytest.mark.parametrize(
    ("text", "policy", "path", "found", "redirect_to"),
    [
        pytest.param("/a", "ignore", "/a/", True, None, id="ignored"),
        pytest.param("/a/", "ignore", "/a", True, None, id="ignored-the-other-way"),
        pytest.param("/a/{x}", "ignore", "/a/1/", True, None, id="ignored-after-a-parameter"),
        pytest.param("/a", "strict", "/a/", False, None, id="strict"),
        pytest.param("/a/", "strict", "/a", False, None, id="strict-the-other-way"),
        pytest.param("/a/{x}", "strict", "/a/1/", False, None, id="strict-after-a-parameter"),
        pytest.param("/a", "redirect", "/a", True, None, id="canonical"),
        pytest.param("/a", "redirect", "/a/", False, "/a", id="redirected"),
        pytest.param("/a/", "redirect", "/a", False, "/a/", id="redirected-the-other-way"),
        pytest.param("/a/{x}/", "redirect", "/a/ü b", False, "/a/%C3%BC%20b/", id="redirected-and-encoded"),
        pytest.param("/a/{x}/", "redirect", "/a/\\e", False, "/a/%5Ce/", id="redirected-with-a-backslash"),
        pytest.param("/a", "redirect", "/a//", False, None, id="two-slashes-are-not-redirected"),
        pytest.param("/a/", "redirect", "/a//", False, None, id="two-slashes-are-not-redirected-to-one"),
        pytest.param("/", "redirect", "//", False, None, id="the-root-is-not-redirected"),
    ],
)
def test_the_slash_at_the_end_has_three_policies(
    make_table: Any, make_entry: Any, make_request: Any,
    text: str, policy: str, path: str, found: bool, redirect_to: str | None,
) -> None:  # fmt: skip
    """Ignored by default, or strict, or redirected to the form as written."""
    table = make_table(make_entry(text, trailing_slash=policy))

    assert found == (table.find(make_request(path)) is not None)
    if not found:
        assert redirect_to == table.explain(make_request(path)).redirect_to


@pytest.mark.capability("C021")
def test_strict_forms_are_two_routes(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """With the strict policy both may stand together."""
    table = make_table(make_entry("/a", trailing_slash="strict"), make_entry("/a/", trailing_slash="strict"))

    assert "GET /a" == table.find(make_request("/a"))
    assert "GET /a/" == table.find(make_request("/a/"))


@pytest.mark.capability("C021")
def test_only_a_route_with_the_method_redirects(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """Otherwise the methods of the canonical form are allowed; handshakes are never redirected."""
    table = make_table(make_entry("/a", "POST WEBSOCKET", trailing_slash="redirect"))

    assert "/a" == table.explain(make_request("/a/", "POST")).redirect_to
    assert table.explain(make_request("/a/", "GET")).redirect_to is None
    assert frozenset({"POST", "OPTIONS"}) == table.explain(make_request("/a/", "GET")).allowed
    assert table.explain(make_request("/a/", is_websocket=True)).redirect_to is None


@pytest.mark.security("B14")
def test_a_redirect_never_leads_to_another_host(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """A path that begins with two slashes is not redirected, whatever matches it."""
    table = make_table(make_entry("/{p:path(leading_slash=true)}/", trailing_slash="redirect"))

    assert "/evil/" == table.explain(make_request("/evil")).redirect_to
    assert table.explain(make_request("//evil.example")).redirect_to is None


@pytest.mark.capability("X01")
def test_an_optional_segment_is_missing_when_absent(make_table: Any, make_request: Any) -> None:
    """One route serves both, and the handler's default fills the gap."""
    table = make_table("/a/{b:int?}", "/{page?}")
    with_value, without, root = make_request("/a/5"), make_request("/a"), make_request("/")

    assert "GET /a/{b:int?}" == table.find(with_value) == table.find(without)
    assert ({"b": 5}, {}) == (with_value.path_params, without.path_params)
    assert "GET /{page?}" == table.find(root)


@pytest.mark.capability("C010")
@pytest.mark.capability("X05")
def test_hosts_come_before_routes_of_every_host(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """An exact host first, then patterns, then the routes without a host; the values are joined."""
    table = make_table(
        make_entry("/x"),
        make_entry("/{only}"),
        make_entry("/x", host="{tenant}.example.com"),
        make_entry("/u/{id:int}", host="{tenant}.example.com"),
        make_entry("/x", host="api.example.com"),
        make_entry("/y", host="{a}.{b}"),
    )

    def find(host: str, path: str) -> tuple[str | None, dict[str, object]]:
        request = make_request(path, host=host)
        return table.find(request), request.path_params

    assert ("GET api.example.com/x", {}) == find("api.example.com", "/x")
    assert ("GET {tenant}.example.com/x", {"tenant": "t"}) == find("t.example.com", "/x")
    assert ("GET {tenant}.example.com/u/{id:int}", {"tenant": "t", "id": 5}) == find("t.example.com", "/u/5")
    assert ("GET {a}.{b}/y", {"a": "api", "b": "example.com"}) == find("api.example.com", "/y")
    assert ("GET /x", {}) == find("localhost", "/x")
    assert ("GET /{only}", {"only": "z"}) == find("api.example.com", "/z")
    assert (None, {}) == find("localhost", "/u/5")
    assert frozenset({"GET", "HEAD", "OPTIONS"}) == table.explain(make_request("/x", "X", "t.example.com")).allowed


def test_a_name_in_host_and_path_is_a_mistake(make_entry: Any) -> None:
    """The handler gets one value for each name."""
    _, found = build_table([make_entry("/{a}", host="{a}.example.com", where="a.py:1")])

    assert [("COS-ROUTE-004", "The pattern `{a}.example.com/{a}` has two parameters with the name `a`.", "a.py:1")] == [
        (mistake.code, mistake.what, mistake.where) for mistake in found
    ]


@given(st.text("/aé.%", max_size=8), st.sampled_from(["GET", "DELETE", "ANYTHING"]), st.booleans())
def test_a_mount_of_everything_is_found_as_any_other(
    make_table: Any, make_entry: Any, make_request: Any, path: str, method: str, is_websocket: bool
) -> None:
    """A table of nothing else has a short cut, which says the same as the walk that a further route brings back."""
    entries = [
        make_entry("/", None, target="mount"),
        make_entry("/{rest:path(leading_slash=true)}", None, target="mount", trailing_slash="strict"),
    ]
    found = []
    for table in (make_table(*entries), make_table(*entries, "/a/route/of/ours")):
        request = make_request(path, method, is_websocket=is_websocket)
        found.append((table.find(request), request.path_params))

    assert found[0] == found[1]


def test_mounts_are_the_last_candidates(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """A mount takes any method and handshakes, after all routes; a longer prefix before a shorter one."""
    table = make_table(
        make_entry("/legacy/{rest:path(leading_slash=true)?}", None),
        make_entry("/{rest:path(leading_slash=true)?}", None),
        make_entry("/legacy/{page}"),
        "/a",
    )

    def find(path: str, method: str = "GET", **rest: Any) -> tuple[str | None, dict[str, object]]:
        request = make_request(path, method, **rest)
        return table.find(request), request.path_params

    legacy, root = "ANY /legacy/{rest:path(leading_slash=true)?}", "ANY /{rest:path(leading_slash=true)?}"
    assert ("GET /legacy/{page}", {"page": "x"}) == find("/legacy/x")
    assert (legacy, {"rest": "x"}) == find("/legacy/x", "POST")
    assert (legacy, {}) == find("/legacy")
    assert (legacy, {}) == find("/legacy/")
    assert (legacy, {"rest": "/x/"}) == find("/legacy//x/")
    assert (legacy, {"rest": "ws"}) == find("/legacy/ws", is_websocket=True)
    assert (root, {"rest": "a"}) == find("/a", "DELETE")
    assert (root, {"rest": "/a"}) == find("//a")
    assert (root, {}) == find("/", "ANYTHING")


@pytest.mark.capability("C010")
def test_the_mounts_of_a_host_come_before_routes_of_every_host(
    make_table: Any, make_entry: Any, make_request: Any
) -> None:
    """A host is decided first, and mounts are last within it."""
    table = make_table("/a", make_entry("/{p:path}", None, host="old.example"))

    assert "ANY old.example/{p:path}" == table.find(make_request("/a", host="old.example"))
    assert "GET /a" == table.find(make_request("/a"))


@pytest.mark.capability("C011")
@pytest.mark.capability("C012")
@pytest.mark.parametrize("text", ["/a", "/a/{id:int}", "/{x}-{y}/{p:path}"])
def test_a_predicate_chooses_between_routes(make_table: Any, make_entry: Any, make_request: Any, text: str) -> None:
    """A route whose predicate is false is skipped; one without a predicate comes after those with."""
    table = make_table(
        make_entry(text, target="plain"),
        make_entry(text, target="second", when=AcceptVersion("2")),
        make_entry(text, target="third", when=AcceptVersion("3")),
    )
    path = {"/a": "/a", "/a/{id:int}": "/a/7"}.get(text, "/u-v/w/z")

    def find(version: str | None) -> str | None:
        return table.find(make_request(path, headers={"Accept-Version": version} if version else {}))

    assert ["plain", "second", "third", "plain"] == [find(None), find("2"), find("3"), find("4")]


@pytest.mark.capability("C012")
def test_the_order_decides_only_between_predicates(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """Of two predicates that agree the first declared wins, and specificity comes before both."""

    def always(request: object) -> bool:
        return True

    first, second = make_entry("/{a}", target="1", when=always), make_entry("/{b}", target="2", when=always)

    assert "1" == make_table(first, second).find(make_request("/x"))
    assert "2" == make_table(second, first).find(make_request("/x"))
    assert "GET /x" == make_table(first, second, "/x").find(make_request("/x"))


@pytest.mark.capability("C012")
def test_a_predicate_sees_the_values(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """`path_params` is set when a predicate is asked, and empty again when it refuses."""

    def is_large(request: Any) -> bool:
        return bool(request.path_params["id"] > 10)

    table = make_table(make_entry("/{id:int}", when=is_large))
    large, small = make_request("/11"), make_request("/10")

    assert "GET /{id:int}" == table.find(large)
    assert {"id": 11} == large.path_params
    assert table.find(small) is None
    assert {} == small.path_params
    assert frozenset() == table.explain(small).allowed


def test_an_error_in_a_predicate_is_not_hidden(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """A `ValueError` of a predicate is a bug of the application and not a path that does not match."""

    def broken(request: object) -> bool:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        make_table(make_entry("/{a}/{b}", when=broken), "/{a}.{b}/{c}").find(make_request("/x/y"))


@pytest.mark.capability("C024")
def test_all_candidates_are_yielded_in_order(make_table: Any, make_entry: Any, make_request: Any) -> None:
    """The most specific first, mounts last; only those with the method whose predicate agrees."""
    table = make_table(
        make_entry("/{rest:path}", None),
        "/{p:path}",
        "/a/{x}",
        "/a/b",
        "/{x}/b",
        make_entry("/a/b", "POST"),
        make_entry("/a/{x:any(b)}", when=HeaderIs("X", "1")),
        make_entry("/a/b", host="{h}"),
    )
    request = make_request("/a/b")

    assert [
        ("GET {h}/a/b", {"h": "localhost"}),
        ("GET /a/b", {}),
        ("GET /a/{x}", {"x": "b"}),
        ("GET /{x}/b", {"x": "a"}),
        ("GET /{p:path}", {"p": "a/b"}),
        ("ANY /{rest:path}", {"rest": "a/b"}),
    ] == list(table.candidates(request))
    assert {"rest": "a/b"} == request.path_params
    assert "GET {h}/a/b" == next(table.candidates(request))[0] == table.find(request)


@pytest.mark.capability("C011")
def test_answers_vary_by_what_decides_between_routes(make_table: Any, make_entry: Any) -> None:
    """The route without a predicate varies as much as the ones it stands in for."""
    plain, other, special = (
        make_entry("/a/{x}"), make_entry("/b"), make_entry("/a/b", when=AcceptVersion("2")),
    )  # fmt: skip
    unnamed = make_entry("/b", "POST", when=lambda request: True)
    table = make_table(plain, other, special, unnamed)

    assert ("Accept-Version",) == table.vary_of(plain) == table.vary_of(special)
    assert () == table.vary_of(other) == table.vary_of(unnamed)


def test_an_empty_table_finds_nothing(make_table: Any, make_request: Any) -> None:
    """No routes, no match, nothing allowed."""
    table = make_table()

    assert () == table.entries
    assert table.find(make_request("/")) is None
    assert frozenset() == table.explain(make_request("/")).allowed


def test_all_mistakes_are_collected(make_entry: Any) -> None:
    """Building never raises for a mistake of the application."""
    table, found = build_table([make_entry("/a"), make_entry("/a"), make_entry("/{x}", host="{x}.y"), make_entry("/a")])

    assert ["COS-ROUTE-004", "COS-ROUTE-013", "COS-ROUTE-013", "COS-ROUTE-013"] == [mistake.code for mistake in found]
    assert 4 == len(table.entries)


def naive_params(pattern: Pattern, segments: list[str], is_slashed: bool) -> dict[str, object] | None:
    """Match one pattern in the simplest way; `None` is no match."""
    if not pattern.segments:
        return {} if not segments else None
    first = pattern.segments[0]
    rest = Pattern(pattern.text, pattern.segments[1:], pattern.has_trailing_slash)
    for length in range(1, len(segments) + 1) if first.spans_segments else (1,):
        if length > len(segments):
            return None
        text = "/".join(segments[:length])
        if first.spans_segments and pattern.keeps_slash and is_slashed and length == len(segments):
            text += "/"
        if not text:
            continue
        try:
            values = first.parse(text)
        except ValueError:
            continue
        found = naive_params(rest, segments[length:], is_slashed)
        if found is not None:
            return dict(zip((p.name for p in first.parameters), values, strict=True)) | found
    return None


def naive_find(entries: list[RouteEntry[int]], method: str, path: str) -> tuple[int | None, dict[str, object]]:
    """Try all patterns, one by one, and take the most specific that has the method."""
    segments = path[1:].split("/")
    is_slashed = segments[-1] == ""
    if is_slashed:
        segments.pop()
    found = []
    for entry in entries:
        for pattern in entry.pattern.expand():
            params = naive_params(pattern, segments, is_slashed)
            if (
                params is not None
                and is_slashed in slash_forms(pattern, entry.trailing_slash)
                and (entry.methods is None or method in entry.methods)
            ):
                found.append((entry.is_mount, pattern.specificity, entry.target, params))
    return min(found, key=lambda match: match[:2])[2:] if found else (None, {})


PIECES = ["a", "b", "{}", "{:int}", "{:any(a,b)}", "{}-{}", "{}.{}", "v{}", "{:path}"]
PATHS = ["a", "b", "1", "1-2", "1.2", "1-2.3", "v1", "v", "", "c"]


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Draw the text of a pattern."""
    pieces = draw(st.lists(st.sampled_from(PIECES), max_size=4))
    assume(pieces.count("{:path}") <= 1)
    text = "/" + "/".join(pieces)
    if pieces and pieces[-1] in ("{}", "{:int}", "{:path}") and draw(st.booleans()):
        text = text[:-1] + "?}"
    if pieces and draw(st.booleans()):
        text += "/"
    number = 0
    while "{}" in text or "{:" in text or "{?" in text:
        text = text.replace("{", f"<p{number}", 1)
        number += 1
    return text.replace("<", "{")


@pytest.mark.capability("C005")
@pytest.mark.pain("P35")
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            patterns(),
            st.sampled_from(["GET", "POST", "GET POST", None]),
            st.sampled_from(["ignore", "strict", "redirect"]),
        ),
        min_size=1,
        max_size=8,
    ),
    st.lists(st.lists(st.sampled_from(PATHS), min_size=1, max_size=5), min_size=1, max_size=10),
    st.randoms(use_true_random=False),
)
def test_the_tree_finds_what_a_naive_matcher_finds(
    make_request: Any,
    routes: list[tuple[str, str | None, Any]],
    paths: list[list[str]],
    shuffler: random.Random,
) -> None:
    """In every order of registration, target and values are those of trying all patterns one by one."""
    entries: list[RouteEntry[int]] = []
    for number, (text, methods, policy) in enumerate(routes, start=1):
        method_set = frozenset(methods.split()) if methods else None
        entry = RouteEntry(parse_pattern(text), method_set, number, trailing_slash=policy)
        if not build_table([*entries, entry])[1]:
            entries.append(entry)
    shuffled = list(entries)
    shuffler.shuffle(shuffled)
    tables = [build_table(entries)[0], build_table(shuffled)[0]]
    for parts in paths:
        path = "/" + "/".join(parts)
        for method in ("GET", "POST"):
            expected = naive_find(entries, method, path)
            for table in tables:
                request = make_request(path, method)

                assert expected == (table.find(request), request.path_params), (path, method)
                candidates = list(table.candidates(make_request(path, method)))
                assert expected == (candidates[0] if candidates else (None, {}))


@pytest.mark.capability("C003")
@settings(max_examples=200, deadline=None)
@given(patterns(), st.lists(st.one_of(st.integers(0, 99), st.text(max_size=4)), min_size=8, max_size=8))
def test_a_built_path_leads_back(make_request: Any, text: str, values: list[object]) -> None:
    """Matching a path that was built gives the route and the values again."""
    from urllib.parse import unquote

    pattern = parse_pattern(text)
    try:
        path, _ = pattern.format(dict(zip(pattern.parameters, values, strict=False)))
    except ValueError:
        return
    table, _ = build_table([RouteEntry(pattern, frozenset({"GET"}), "found", trailing_slash="strict")])
    request = make_request(unquote(path))

    assert "found" == table.find(request)
    written = {
        name: pattern.converters[name].format(value) for name, value in zip(pattern.parameters, values, strict=False)
    }
    assert written == {name: pattern.converters[name].format(value) for name, value in request.path_params.items()}
