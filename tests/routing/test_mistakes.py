"""The exact messages of all mistakes; each has a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from costrel.errors import Mistake
from costrel.routing import mistakes

PAGES = Path(__file__).parents[2] / "docs" / "errors"

MESSAGES = [
    pytest.param(
        mistakes.no_leading_slash("users", "a.py:1"),
        """\
COS-ROUTE-001  The pattern `users` does not begin with `/`. (a.py:1)

    A pattern is matched against the whole path, and every path begins with `/`.

    Write "/users".""",
        id="001",
    ),
    pytest.param(
        mistakes.unbalanced("/{id", 1, "a.py:1"),
        """\
COS-ROUTE-002  The pattern `/{id` has an unbalanced bracket at position 1. (a.py:1)

    A parameter is written `{name}`, `{name:converter}` or `<converter:name>`, and is closed in its own segment.

    For example "/users/{id:int}".""",
        id="002",
    ),
    pytest.param(
        mistakes.unusable_name("/{class}", "class", "a.py:1"),
        """\
COS-ROUTE-003  The pattern `/{class}` has a parameter with the name `class`. (a.py:1)

    A parameter's name is that of a parameter of the handler: a Python identifier and not a keyword.

    For example "/users/{user_id}".""",
        id="003",
    ),
    pytest.param(
        mistakes.duplicate_parameter("/{a}/{a}", "a", "a.py:1"),
        """\
COS-ROUTE-004  The pattern `/{a}/{a}` has two parameters with the name `a`. (a.py:1)

    The handler gets one value for each name. Prefixes and hosts count too.

    Give one of them another name.""",
        id="004",
    ),
    pytest.param(
        mistakes.unknown_converter("/{a:itn}", "itn", ["str", "int"], "a.py:1"),
        """\
COS-ROUTE-005  The pattern `/{a:itn}` names the converter `itn`, which does not exist. (a.py:1)

    After the colon stands the name of a converter, built in or registered on the application.

    Did you mean `int`?""",
        id="005-with-a-neighbour",
    ),
    pytest.param(
        mistakes.unknown_converter("/{a:hexa}", "hexa", ["str", "int"], "a.py:1"),
        """\
COS-ROUTE-005  The pattern `/{a:hexa}` names the converter `hexa`, which does not exist. (a.py:1)

    After the colon stands the name of a converter, built in or registered on the application.

    Register it first:    @app.converter("hexa")
    or use one of these:  int, str""",
        id="005-without-a-neighbour",
    ),
    pytest.param(
        mistakes.unknown_converter("/{a:[0-9]}", "[0-9]", ["str", "int"], "a.py:1"),
        """\
COS-ROUTE-005  The pattern `/{a:[0-9]}` names the converter `[0-9]`, which does not exist. (a.py:1)

    After the colon stands the name of a converter, built in or registered on the application.

    A regular expression is written {name:regex([0-9])}.
    The converters are: int, str.""",
        id="005-of-an-expression",
    ),
    pytest.param(
        mistakes.wrong_arguments("/{a:int(x)}", "int", "`x` is not a literal", "a.py:1"),
        """\
COS-ROUTE-006  The pattern `/{a:int(x)}` gives `int` arguments that it does not take: `x` is not a literal. (a.py:1)

    Arguments are literals: numbers, strings, `true` and `false`, by position or as `name=value`.

    For example {year:int(min=1900, max=2100)} or {lang:any(en, de)}.""",
        id="006",
    ),
    pytest.param(
        mistakes.unsafe_regex("/{a:regex((a+)+)}", "(a+)+", "it is slow", "a.py:1"),
        """\
COS-ROUTE-007  The regular expression `(a+)+` in the pattern `/{a:regex((a+)+)}` is refused: it is slow. (a.py:1)

    A client chooses the text it is matched against, so it must take linear time, whatever the text is.
    It does when the next character decides how to go on.

    Write [a-z]+ and not ([a-z]+)+, [a-z]+(-[a-z]+)* and not ([a-z]+-?)*,
    or take a plain parameter and check the value in the handler.""",
        id="007",
    ),
    pytest.param(
        mistakes.foreign_notation("/:id", ":id", "a.py:1"),
        """\
COS-ROUTE-008  The pattern `/:id` contains `:id`. (a.py:1)

    Parameters are written in braces; a segment that begins with `:` and the sign `*` have no meaning here.

    Write {id}.""",
        id="008-of-express",
    ),
    pytest.param(
        mistakes.foreign_notation("/*", "*", "a.py:1"),
        """\
COS-ROUTE-008  The pattern `/*` contains `*`. (a.py:1)

    Parameters are written in braces; a segment that begins with `:` and the sign `*` have no meaning here.

    The rest of the path, slashes included:  {name:path}
    an optional last segment:                {name?}""",
        id="008-of-a-star",
    ),
    pytest.param(
        mistakes.impossible_text("/a//b", "//", "a.py:1"),
        """\
COS-ROUTE-009  The pattern `/a//b` contains `//`, which no path can match. (a.py:1)

    A pattern is matched against the percent-decoded path, without query and fragment; an empty segment matches nothing.

    Write the text as people read it, for example "/café", and take query parameters in the handler.""",
        id="009",
    ),
    pytest.param(
        mistakes.adjacent_parameters("/{a}{b}", "a", "b", "a.py:1"),
        """\
COS-ROUTE-010  The pattern `/{a}{b}` has nothing between the parameters `a` and `b`. (a.py:1)

    A segment is split at its literal text; without any, nobody knows where one value ends.

    Put text between them, for example {a}-{b}.""",
        id="010",
    ),
    pytest.param(
        mistakes.misplaced_path("/{p:path}.x", "p", "a.py:1"),
        """\
COS-ROUTE-011  The pattern `/{p:path}.x` cannot have the parameter `p`, which may contain `/`, in that place. (a.py:1)

    A pattern has at most one such parameter, and it stands alone between two slashes.

    For example "/files/{name:path}" or "/files/{name:path}/edit".""",
        id="011",
    ),
    pytest.param(
        mistakes.misplaced_optional("/{a?}/b", "a", "a.py:1"),
        """\
COS-ROUTE-012  The pattern `/{a?}/b` cannot have the optional parameter `a` in that place. (a.py:1)

    Only the whole last segment may be left out, and a prefix has no optional segment.

    For example "/archive/{year?}"; otherwise register two patterns.""",
        id="012",
    ),
    pytest.param(
        mistakes.ambiguous_routes(("/{a}", "a.py:1"), ("/{b}", ""), ["POST", "GET"]),
        """\
COS-ROUTE-013  The routes `/{a}` (a.py:1) and `/{b}` (place unknown) match the same requests (GET, POST).

    The most specific pattern wins and the order of registration never matters, \
so two patterns that are equally specific must not \
match the same path.

    Take one away, make one more specific, for example {id:int},
    or tell them apart with when=….""",
        id="013",
    ),
    pytest.param(
        mistakes.unusable_host("*.x", "*", "a.py:1"),
        """\
COS-ROUTE-014  The host pattern `*.x` has the label `*`, which no host can match. (a.py:1)

    A host pattern has no scheme and no port; a label is ASCII letters, digits, `-` and `_`, or one `{name}`.

    For example "api.example.com", "{tenant}.example.com" or "api.{domain}".""",
        id="014",
    ),
    pytest.param(
        mistakes.unknown_route("lst", ["list", "show"]),
        """\
COS-ROUTE-015  There is no route with the name `lst`.

    A route is named after its handler, with the blueprint's name and a dot before it inside a blueprint.

    Did you mean `list`?""",
        id="015-with-a-neighbour",
    ),
    pytest.param(
        mistakes.unknown_route("xyz", ["list", "show"]),
        """\
COS-ROUTE-015  There is no route with the name `xyz`.

    A route is named after its handler, with the blueprint's name and a dot before it inside a blueprint.

    See `costrel routes`.""",
        id="015-without-a-neighbour",
    ),
    pytest.param(
        mistakes.missing_values("show", "/{a}/{b}", ["a", "b"]),
        """\
COS-ROUTE-016  The URL of `show` needs `a`, `b`.

    The pattern is `/{a}/{b}`; a value that is `None` counts as not given.

    Write url_for("show", a=…, b=…).""",
        id="016",
    ),
    pytest.param(
        mistakes.unusable_value("show", "/{a:int}", "`a` cannot be 'x': not an integer"),
        """\
COS-ROUTE-017  The URL of `show` cannot be built: `a` cannot be 'x': not an integer.

    The pattern is `/{a:int}`, and a URL that is built must lead back to the same route with the same values.

    Give a value that the converter accepts, or choose another converter. A value that comes from a client
    goes into the query string, is checked where it comes in, or is tried: `except URLValueError`.""",
        id="017",
    ),
]


@pytest.mark.parametrize(("mistake", "message"), MESSAGES)
def test_a_mistake_says_what_where_why_and_the_fix(mistake: Mistake, message: str) -> None:
    """The whole text is part of the product."""
    pointer = f"\n\n    See docs/errors/{mistake.code}, or run `costrel explain {mistake.code}`."

    assert message + pointer == str(mistake)


@pytest.mark.parametrize("mistake", [pytest.param(param.values[0], id=str(param.id)) for param in MESSAGES])
def test_a_mistake_has_a_page(mistake: Mistake) -> None:
    """The page begins with the code and a title, and shows what is wrong and what is right."""
    page = (PAGES / f"{mistake.code}.md").read_text("utf-8")

    assert page.startswith(f"# {mistake.code}: ")
    assert page.count("```python") >= 2


def test_every_kind_of_mistake_is_tested() -> None:
    """No function of the module is left out of the table."""
    codes = {param.values[0].code for param in MESSAGES}

    assert {f"COS-ROUTE-{number:03}" for number in range(1, len(mistakes.__all__) + 1)} == codes
