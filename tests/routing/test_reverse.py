"""From names to paths."""

from __future__ import annotations

import pytest

from costrel.errors import ProgrammerError, URLValueError
from costrel.routing import NameIndex, ReversedPath, parse_host, parse_pattern


def index(*routes: tuple[str, str] | tuple[str, str, str]) -> NameIndex:
    """Return the index of names, patterns and hosts."""
    return NameIndex(
        (route[0], parse_pattern(route[1]), parse_host(route[2]) if len(route) > 2 else None) for route in routes
    )


@pytest.mark.capability("C008")
def test_a_name_becomes_a_path() -> None:
    """Values that the pattern does not use are left over for the query string."""
    names = index(("admin.users.show", "/admin/users/{id:int}"))

    assert ReversedPath("/admin/users/3", None, {"tab": "x"}) == names.build("admin.users.show", {"id": 3, "tab": "x"})


@pytest.mark.capability("X05")
def test_a_host_is_built_too() -> None:
    """The parameters of the host and of the path are taken from the same values."""
    names = index(("home", "/{page}", "{tenant}.example.com"))

    assert ReversedPath("/a", "t.example.com", {"q": 1}) == names.build("home", {"page": "a", "tenant": "t", "q": 1})


@pytest.mark.capability("C009")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({}, "/list", id="no-value"),
        pytest.param({"page": 2}, "/list/2", id="one-value"),
        pytest.param({"page": 2, "tag": "x"}, "/tag/x/2", id="two-values"),
        pytest.param({"tag": "x"}, "/list", id="a-value-that-alone-is-not-enough"),
        pytest.param({"page": None}, "/list", id="a-value-that-is-none"),
    ],
)
def test_the_pattern_that_uses_most_values_is_taken(values: dict[str, object], expected: str) -> None:
    """Of several patterns under one name the values choose, whatever the order."""
    routes = [("list", "/list"), ("list", "/list/{page:int}"), ("list", "/tag/{tag}/{page:int}")]

    assert expected == index(*routes).build("list", values).path
    assert expected == index(*reversed(routes)).build("list", values).path


def test_the_first_of_equals_is_taken() -> None:
    """Where the values do not decide, the order of declaration does."""

    assert "/a" == index(("x", "/a"), ("x", "/b")).build("x", {}).path


@pytest.mark.capability("X01")
def test_an_optional_value_may_be_missing() -> None:
    """An optional segment is left out when there is no value."""
    names = index(("archive", "/archive/{year:int?}"))

    assert "/archive" == names.build("archive", {}).path
    assert "/archive/2024" == names.build("archive", {"year": 2024}).path


def test_an_unknown_name_is_explained() -> None:
    """The nearest names are offered."""
    with pytest.raises(ProgrammerError) as caught:
        index(("users.show", "/"), ("users.shown", "/l")).build("user.show", {})

    assert (
        "COS-ROUTE-015",
        "There is no route with the name `user.show`.",
        "Did you mean `users.show` or `users.shown`?",
    ) == (caught.value.code, caught.value.mistake.what, caught.value.mistake.fix)


def test_an_unknown_name_without_neighbours_is_explained() -> None:
    """Without a near name, all are pointed to."""
    with pytest.raises(ProgrammerError) as caught:
        index().build("x", {})

    assert "See `costrel routes`." == caught.value.mistake.fix


def test_missing_values_are_named() -> None:
    """All of them at once, of the pattern that needs the fewest."""
    names = index(("x", "/{a}/{b}/{c}"), ("x", "/{a}/{b}", "{t}.example.com"), ("x", "/{b}/{d}"))
    with pytest.raises(ProgrammerError) as caught:
        names.build("x", {"c": 1})

    assert ("COS-ROUTE-016", "The URL of `x` needs `a`, `b`.") == (caught.value.code, caught.value.mistake.what)
    assert 'Write url_for("x", a=…, b=…).' == caught.value.mistake.fix


def test_values_under_another_name_are_named() -> None:
    """Whoever gives ``filename`` where the pattern has ``path`` reads both in one message."""
    with pytest.raises(ProgrammerError) as caught:
        index(("static", "/static/{path:path}")).build("static", {"filename": "site.css"})

    assert (
        "The pattern is `/static/{path:path}`; a value that is `None` counts as not given. "
        "Given was `filename`, which the pattern does not have."
    ) == caught.value.mistake.why


def test_a_missing_value_of_a_host_is_named() -> None:
    """The host counts as part of the pattern."""
    with pytest.raises(ProgrammerError) as caught:
        index(("x", "/{a}", "{t}.example.com")).build("x", {"a": None})

    assert "The URL of `x` needs `t`, `a`." == caught.value.mistake.what
    assert "The pattern is `{t}.example.com/{a}`; a value that is `None` counts as not given." == (
        caught.value.mistake.why
    )


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        pytest.param({"id": "x", "t": "a"}, "`id` cannot be 'x': not an integer", id="the-path"),
        pytest.param({"id": 1, "t": "/"}, "`t` cannot be '/': it is not a part of a host in lower case", id="the-host"),
    ],
)
def test_a_value_that_does_not_fit_is_explained(values: dict[str, object], reason: str) -> None:
    """What its own pattern would not match is not built."""
    with pytest.raises(URLValueError) as caught:
        index(("x", "/{id:int}", "{t}.example.com")).build("x", values)

    assert ("COS-ROUTE-017", f"The URL of `x` cannot be built: {reason}.") == (
        caught.value.code,
        caught.value.mistake.what,
    )


@pytest.mark.parametrize(
    ("pattern", "values", "blamed"),
    [
        pytest.param("/{a}", {"a": "."}, {"a": "."}, id="one-dot"),
        pytest.param("/{a}", {"a": ".."}, {"a": ".."}, id="two-dots"),
        pytest.param("/{a:path}", {"a": "x/../y"}, {"a": "x/../y"}, id="two-dots-in-a-path"),
        pytest.param("/.{a}", {"a": "."}, {"a": "."}, id="a-second-dot"),
        pytest.param("/{a}/{b}", {"a": "x", "b": ""}, {"b": ""}, id="nothing"),
        pytest.param("/{a}/{b}", {"a": "x/y", "b": "z"}, {"a": "x/y"}, id="a-slash"),
        pytest.param("/{a}-{b}", {"a": "x-y", "b": "z"}, {"a": "x-y", "b": "z"}, id="two-values-together"),
        pytest.param("/{a}", {"a": "\ud800"}, {"a": "\ud800"}, id="text-that-has-no-bytes"),
    ],
)
def test_what_comes_from_a_client_can_be_caught(pattern: str, values: dict[str, object], blamed: object) -> None:
    """The error is a `ValueError` that knows the route, the parameter and the value."""
    with pytest.raises(ValueError, match="^COS-ROUTE-017") as caught:
        index(("show", pattern)).build("show", values)

    assert isinstance(caught.value, URLValueError)
    assert ("show", blamed) == (caught.value.route, caught.value.values)


def test_a_host_that_is_too_long_can_be_caught() -> None:
    """Together the labels are longer than a name in the DNS may be."""
    values = dict.fromkeys("abcde", "x" * 60)
    with pytest.raises(URLValueError, match="longer than 253 characters") as caught:
        index(("home", "/", "{a}.{b}.{c}.{d}.{e}")).build("home", values)

    assert values == caught.value.values


def test_the_index_knows_its_names() -> None:
    """Names are sorted, each once."""
    names = index(("b", "/"), ("a", "/a"), ("b", "/b"))

    assert ("a", "b") == names.names
    assert "a" in names
    assert "c" not in names
