"""Cache-Control as a value: read it, change it, write it.

The directives of RFC 9111 §5.2, of RFC 5861 (``stale-*``) and of RFC 8246 (``immutable``) are typed attributes with
their units; any other directive is kept as text. Whether a response *is* stored is for a cache to decide, not here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields

__all__ = ["CacheControl", "parse_cache_control"]

# RFC 9111 §1.2.2: a number that is too large is taken as 2^31.
_MAX_SECONDS = 2**31
_MAX_DIRECTIVES = 64
_TCHARS = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_DIRECTIVE = re.compile(rf'[ \t,]*+({_TCHARS})(?:=(?:({_TCHARS})|"((?:[^"\\]|\\.)*)"))?[ \t]*+(?=,|\Z)', re.DOTALL)
_TOKEN = re.compile(_TCHARS)
_NOT_IN_QUOTES = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(slots=True, kw_only=True)
class CacheControl:
    """The directives of a Cache-Control field; all are off at first.

    Args:
        no_store: keep no copy.
        no_cache: keep a copy, and ask before each use.
        private: only for the client's own cache.
        public: also for shared caches where they would not dare.
        no_transform: intermediaries leave the content alone.
        must_revalidate: a stale copy is never used without asking.
        proxy_revalidate: the same for shared caches.
        must_understand: cache only when the status code is known.
        immutable: never asked about again while fresh.
        only_if_cached: in a request, answer from the cache or with 504.
        max_age_seconds: how long it is fresh; in a request, how old it may be.
        s_maxage_seconds: the same for shared caches.
        stale_while_revalidate_seconds: how long a stale copy may be used while a new one is fetched.
        stale_if_error_seconds: how long a stale copy may be used when fetching fails.
        max_stale_seconds: in a request, how stale it may be.
        min_fresh_seconds: in a request, how long it must stay fresh.
        extensions: any other directive by its lower-case name, with its value or `None`.

    Spec:
        RFC 9111 §5.2, RFC 5861, RFC 8246.

    >>> CacheControl(public=True, max_age_seconds=3600).format()
    'public, max-age=3600'
    """

    no_store: bool = False
    no_cache: bool = False
    private: bool = False
    public: bool = False
    no_transform: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    immutable: bool = False
    only_if_cached: bool = False
    max_age_seconds: int | None = None
    s_maxage_seconds: int | None = None
    stale_while_revalidate_seconds: int | None = None
    stale_if_error_seconds: int | None = None
    max_stale_seconds: int | None = None
    min_fresh_seconds: int | None = None
    extensions: dict[str, str | None] = field(default_factory=dict)

    def format(self) -> str:
        """Return the field value; empty when nothing is set, and then the field is not sent.

        Raises:
            ValueError: a number of seconds is negative, the name of an extension is not a token, or its value has a
                control character.
        """
        written = [directive for name, directive in _FLAGS.items() if getattr(self, name)]
        for name, directive in _SECONDS.items():
            seconds = getattr(self, name)
            if seconds is None:
                continue
            if seconds < 0:
                raise ValueError(f"`{name}` is {seconds}; it is a number of seconds from 0 up.")
            written.append(f"{directive}={int(seconds)}")
        for name, value in self.extensions.items():
            written.append(_format_extension(name, value))
        return ", ".join(written)


_NAMES = [member.name for member in fields(CacheControl) if member.name != "extensions"]
_FLAGS = {name: name.replace("_", "-") for name in _NAMES if not name.endswith("_seconds")}
_SECONDS = {
    name: name.removesuffix("_seconds").replace("s_maxage", "s-maxage").replace("_", "-")
    for name in _NAMES
    if name.endswith("_seconds")
}
_FLAG_OF_DIRECTIVE = {directive: name for name, directive in _FLAGS.items()}
_SECONDS_OF_DIRECTIVE = {directive: name for name, directive in _SECONDS.items()}


def _format_extension(name: str, value: str | None) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"The name of a Cache-Control directive is a token, not {name[:100]!r}.")
    if value is None:
        return name
    if _TOKEN.fullmatch(value):
        return f"{name}={value}"
    if _NOT_IN_QUOTES.search(value):
        raise ValueError(f"The Cache-Control directive `{name}` has a control character in its value.")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def parse_cache_control(value: str) -> CacheControl:
    """Parse a Cache-Control field value, leniently and in linear time.

    What is not a directive is skipped, of a directive that comes twice the first counts, a number that cannot be
    read is 0, and the lists of field names that ``no-cache`` and ``private`` may have make no difference (RFC 9111
    §5.2.2.4 permits that). At most 64 directives are read. ``max-stale`` without a value is as much as there is.

    Args:
        value: the field value; several field lines joined by commas.

    >>> parse_cache_control('max-age="60", no-cache').max_age_seconds
    60
    """
    result = CacheControl()
    seen: set[str] = set()
    position = 0
    for _ in range(_MAX_DIRECTIVES):
        match = _DIRECTIVE.match(value, position)
        if match is None:
            comma = value.find(",", position)
            if comma < 0:
                break
            position = comma + 1
            continue
        position = match.end()
        directive = match[1].lower()
        if directive in seen:
            continue
        seen.add(directive)
        argument = match[2] if match[2] is not None else _unquoted(match[3])
        if directive in _FLAG_OF_DIRECTIVE:
            setattr(result, _FLAG_OF_DIRECTIVE[directive], True)
        elif directive in _SECONDS_OF_DIRECTIVE:
            seconds = _MAX_SECONDS if directive == "max-stale" and argument is None else _parse_seconds(argument)
            setattr(result, _SECONDS_OF_DIRECTIVE[directive], seconds)
        else:
            result.extensions[directive] = argument
    return result


def _unquoted(quoted: str | None) -> str | None:
    return None if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


def _parse_seconds(argument: str | None) -> int:
    """Read delta-seconds; what cannot be read is 0, so that it never makes anything fresher."""
    if argument is None or not (argument.isascii() and argument.isdigit()):
        return 0
    return min(int(argument), _MAX_SECONDS) if len(argument) <= 10 else _MAX_SECONDS
