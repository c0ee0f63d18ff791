"""The mistakes of an application that routing finds, as messages.

Each function makes one `Mistake` with its stable code, what happened, the rule and what to write instead; every code
has a page in `docs/errors/`. Who finds a mistake, and whether it is raised or collected, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from costrel.errors import Mistake

__all__ = [
    "adjacent_parameters",
    "ambiguous_routes",
    "duplicate_parameter",
    "foreign_notation",
    "impossible_text",
    "misplaced_optional",
    "misplaced_path",
    "missing_values",
    "no_leading_slash",
    "unbalanced",
    "unknown_converter",
    "unknown_route",
    "unsafe_regex",
    "unusable_host",
    "unusable_name",
    "unusable_value",
    "wrong_arguments",
]


def _of_pattern(code: str, text: str, what: str, where: str, why: str, fix: str) -> Mistake:
    """Make a mistake of a pattern; `what` is said of it, without a period."""
    return Mistake(code, f"The pattern `{text}` {what}.", where, why, fix)


def _of_url(code: str, name: str, what: str, why: str, fix: str) -> Mistake:
    """Make a mistake of a URL that was asked for by the name of its route; `what` is said of it, without a period."""
    return Mistake(code, f"The URL of `{name}` {what}.", why=why, fix=fix)


def _offer(name: str, known: Iterable[str], count: int) -> str:
    """Ask whether one of the names nearest to `name` was meant; empty when none is near."""
    nearest = get_close_matches(name, sorted(known), n=count)
    return f"Did you mean {' or '.join(map(_quote, nearest))}?" if nearest else ""


def _quote(name: str) -> str:
    return f"`{name}`"


def no_leading_slash(text: str, where: str) -> Mistake:
    """COS-ROUTE-001: a pattern that does not begin with a slash."""
    return _of_pattern(
        "COS-ROUTE-001",
        text,
        "does not begin with `/`",
        where,
        "A pattern is matched against the whole path, and every path begins with `/`.",
        f'Write "/{text}".',
    )


def unbalanced(text: str, position: int, where: str) -> Mistake:
    """COS-ROUTE-002: a bracket without its partner."""
    return _of_pattern(
        "COS-ROUTE-002",
        text,
        f"has an unbalanced bracket at position {position}",
        where,
        "A parameter is written `{name}`, `{name:converter}` or `<converter:name>`, and is closed in its own segment.",
        'For example "/users/{id:int}".',
    )


def unusable_name(text: str, name: str, where: str) -> Mistake:
    """COS-ROUTE-003: a parameter name that cannot be one of a Python function."""
    return _of_pattern(
        "COS-ROUTE-003",
        text,
        f"has a parameter with the name `{name}`",
        where,
        "A parameter's name is that of a parameter of the handler: a Python identifier and not a keyword.",
        'For example "/users/{user_id}".',
    )


def duplicate_parameter(text: str, name: str, where: str) -> Mistake:
    """COS-ROUTE-004: two parameters of one name."""
    return _of_pattern(
        "COS-ROUTE-004",
        text,
        f"has two parameters with the name `{name}`",
        where,
        "The handler gets one value for each name. Prefixes and hosts count too.",
        "Give one of them another name.",
    )


def unknown_converter(text: str, converter: str, known: Iterable[str], where: str) -> Mistake:
    """COS-ROUTE-005: a converter that the application does not have."""
    names = sorted(known)
    listed = ", ".join(names)
    if converter.isidentifier():
        fix = f'Register it first:    @app.converter("{converter}")\nor use one of these:  {listed}'
    else:
        fix = f"A regular expression is written {{name:regex({converter})}}.\nThe converters are: {listed}."
    return _of_pattern(
        "COS-ROUTE-005",
        text,
        f"names the converter `{converter}`, which does not exist",
        where,
        "After the colon stands the name of a converter, built in or registered on the application.",
        _offer(converter, names, 1) or fix,
    )


def wrong_arguments(text: str, converter: str, reason: str, where: str) -> Mistake:
    """COS-ROUTE-006: arguments that a converter does not take."""
    return _of_pattern(
        "COS-ROUTE-006",
        text,
        f"gives `{converter}` arguments that it does not take: {reason}",
        where,
        "Arguments are literals: numbers, strings, `true` and `false`, by position or as `name=value`.",
        "For example {year:int(min=1900, max=2100)} or {lang:any(en, de)}.",
    )


def unsafe_regex(text: str, expression: str, reason: str, where: str) -> Mistake:
    """COS-ROUTE-007: a regular expression that is wrong, not supported or slow."""
    return Mistake(
        "COS-ROUTE-007",
        f"The regular expression `{expression}` in the pattern `{text}` is refused: {reason}.",
        where,
        "A client chooses the text it is matched against, so it must take linear time, whatever the text is.\n"
        "It does when the next character decides how to go on.",
        "Write [a-z]+ and not ([a-z]+)+, [a-z]+(-[a-z]+)* and not ([a-z]+-?)*,\n"
        "or take a plain parameter and check the value in the handler.",
    )


def foreign_notation(text: str, notation: str, where: str) -> Mistake:
    """COS-ROUTE-008: a notation of other frameworks."""
    fix = (
        "The rest of the path, slashes included:  {name:path}\nan optional last segment:                {name?}"
        if notation == "*"
        else f"Write {{{notation[1:] or 'name'}}}."
    )
    return _of_pattern(
        "COS-ROUTE-008",
        text,
        f"contains `{notation}`",
        where,
        "Parameters are written in braces; a segment that begins with `:` and the sign `*` have no meaning here.",
        fix,
    )


def impossible_text(text: str, part: str, where: str) -> Mistake:
    """COS-ROUTE-009: text that no decoded path can contain or that never matches."""
    return _of_pattern(
        "COS-ROUTE-009",
        text,
        f"contains `{part}`, which no path can match",
        where,
        "A pattern is matched against the percent-decoded path, without query and fragment; "
        "an empty segment matches nothing.",
        'Write the text as people read it, for example "/café", and take query parameters in the handler.',
    )


def adjacent_parameters(text: str, first: str, second: str, where: str) -> Mistake:
    """COS-ROUTE-010: two parameters with nothing between them."""
    return _of_pattern(
        "COS-ROUTE-010",
        text,
        f"has nothing between the parameters `{first}` and `{second}`",
        where,
        "A segment is split at its literal text; without any, nobody knows where one value ends.",
        f"Put text between them, for example {{{first}}}-{{{second}}}.",
    )


def misplaced_path(text: str, name: str, where: str) -> Mistake:
    """COS-ROUTE-011: a parameter with slashes that is not a whole segment, or a second one."""
    return _of_pattern(
        "COS-ROUTE-011",
        text,
        f"cannot have the parameter `{name}`, which may contain `/`, in that place",
        where,
        "A pattern has at most one such parameter, and it stands alone between two slashes.",
        'For example "/files/{name:path}" or "/files/{name:path}/edit".',
    )


def misplaced_optional(text: str, name: str, where: str) -> Mistake:
    """COS-ROUTE-012: an optional parameter that is not the last whole segment."""
    return _of_pattern(
        "COS-ROUTE-012",
        text,
        f"cannot have the optional parameter `{name}` in that place",
        where,
        "Only the whole last segment may be left out, and a prefix has no optional segment.",
        'For example "/archive/{year?}"; otherwise register two patterns.',
    )


def ambiguous_routes(first: tuple[str, str], second: tuple[str, str], methods: Iterable[str]) -> Mistake:
    """COS-ROUTE-013: two routes, each pattern and place, that match the same requests equally well."""
    (text, where), (other_text, other_where) = first, second
    listed = ", ".join(sorted(methods))
    return Mistake(
        "COS-ROUTE-013",
        f"The routes `{text}` ({where or 'place unknown'}) and `{other_text}` ({other_where or 'place unknown'}) "
        f"match the same requests ({listed}).",
        "",
        "The most specific pattern wins and the order of registration never matters, "
        "so two patterns that are equally specific must not match the same path.",
        "Take one away, make one more specific, for example {id:int},\nor tell them apart with when=….",
    )


def unusable_host(text: str, label: str, where: str) -> Mistake:
    """COS-ROUTE-014: a host pattern that no host can match."""
    return Mistake(
        "COS-ROUTE-014",
        f"The host pattern `{text}` has the label `{label}`, which no host can match.",
        where,
        "A host pattern has no scheme and no port; a label is ASCII letters, digits, `-` and `_`, or one `{name}`.",
        'For example "api.example.com", "{tenant}.example.com" or "api.{domain}".',
    )


def unknown_route(name: str, known: Iterable[str]) -> Mistake:
    """COS-ROUTE-015: a URL for a route that does not exist."""
    return Mistake(
        "COS-ROUTE-015",
        f"There is no route with the name `{name}`.",
        why="A route is named after its handler, with the blueprint's name and a dot before it inside a blueprint.",
        fix=_offer(name, known, 3) or "See `costrel routes`.",
    )


def missing_values(name: str, text: str, missing: Iterable[str], needless: Iterable[str] = ()) -> Mistake:
    """COS-ROUTE-016: a URL without all values of the pattern; `needless` were given and are not in it."""
    names = list(missing)
    others = ", ".join(map(_quote, needless))
    return _of_url(
        "COS-ROUTE-016",
        name,
        f"needs {', '.join(map(_quote, names))}",
        f"The pattern is `{text}`; a value that is `None` counts as not given."
        + (f" Given was {others}, which the pattern does not have." if others else ""),
        f'Write url_for("{name}", {", ".join(f"{parameter}=…" for parameter in names)}).',
    )


def unusable_value(name: str, text: str, reason: str) -> Mistake:
    """COS-ROUTE-017: a URL with a value that its own pattern would not match."""
    return _of_url(
        "COS-ROUTE-017",
        name,
        f"cannot be built: {reason}",
        f"The pattern is `{text}`, and a URL that is built must lead back to the same route with the same values.",
        "Give a value that the converter accepts, or choose another converter. A value that comes from a client\n"
        "goes into the query string, is checked where it comes in, or is tried: `except URLValueError`.",
    )
