"""What differs between the answers of two applications to the same request.

The answers are compared part by part: whether there is one, the status, the headers that protect, the cookies, the
body. Each part has a module of its own; here is what an answer is, and which way its body is read.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

from costrel.cli.doctor_cookies import compare_cookies
from costrel.cli.doctor_difference import Difference, Ignored
from costrel.cli.doctor_headers import compare_headers
from costrel.cli.doctor_json import compare_json, parse_json
from costrel.cli.doctor_text import compare_texts, html_lines, text_lines
from costrel.http import HTML, Headers, essence_of, parse_media_type, reason_phrase

__all__ = ["Answer", "compare_answers"]

_TEXT_TYPES = ("application/javascript", "application/xml", "application/xhtml+xml", "image/svg+xml")


@dataclass(frozen=True, slots=True)
class Answer:
    """What one application answered.

    Args:
        status_code: 0 when no answer came in time.
        headers: of the answer.
        content: the body; `None` when it is too long to be kept.
        length_bytes: how long the body is, or what came of it.
        digest: of the whole body, in hexadecimal.
        failure: the last line of the traceback, or why the answer is not whole; empty when all went well.
        is_whole: whether the body came to its end.
        answered_at: a timestamp.
    """

    status_code: int
    headers: Headers = field(default_factory=Headers)
    content: bytes | None = b""
    length_bytes: int = 0
    digest: str = ""
    failure: str = ""
    is_whole: bool = True
    answered_at: float = 0.0

    @property
    def shown_status(self) -> str:
        """The status with its phrase, and below it why it is one of the server's own."""
        if not self.status_code:
            return self.failure or "no answer"
        shown = f"{self.status_code} {reason_phrase(self.status_code)}".rstrip()
        return f"{shown}: {self.failure}" if self.failure and self.is_whole else shown


def compare_answers(old: Answer, new: Answer, origin: str, ignored: Ignored) -> list[Difference]:
    """Return every difference, in the order status, headers, cookies, body.

    Args:
        old: of the old application.
        new: of the new one.
        origin: of both, for example ``http://localhost``.
        ignored: what does not count: ``status``, ``body``, names of headers and cookies, JSON paths, lines.
    """
    found = []
    if old.status_code != new.status_code and not ignored.covers("status"):
        found.append(Difference("status", "", "changed", old.shown_status, new.shown_status))
    elif old.is_whole != new.is_whole and not ignored.covers("body"):
        found.append(Difference("answer", "", "changed", _completeness(old), _completeness(new)))
    if not old.status_code or not new.status_code:
        # What did not answer has no headers, and to list all that it lacks would say the same again.
        return found
    is_comparable = _is_comparable(old, new)
    found += [
        difference
        for difference in compare_headers(old.headers, new.headers, origin, ignored)
        if is_comparable or difference.name != "content-type"
    ]
    lines = (old.headers.getlist("set-cookie"), new.headers.getlist("set-cookie"))
    found += compare_cookies(*lines, ignored, old.answered_at, new.answered_at)
    if is_comparable and old.is_whole and new.is_whole and not ignored.covers("body"):
        found += _compare_bodies(old, new, ignored)
    return found


def _is_comparable(old: Answer, new: Answer) -> bool:
    """Whether two bodies are worth comparing.

    The page of an error has nothing in common with what would have been there, and nobody reads that of a redirect.
    """
    if 300 <= old.status_code < 400 or 300 <= new.status_code < 400:
        return False
    return (old.status_code < 400) == (new.status_code < 400)


def _completeness(answer: Answer) -> str:
    return "whole" if answer.is_whole else answer.failure or "not whole"


def _compare_bodies(old: Answer, new: Answer, ignored: Ignored) -> list[Difference]:
    """Compare two bodies by what they are."""
    if old.digest == new.digest:
        return []
    old_type, new_type = (essence_of(answer.headers.get("content-type", "")) for answer in (old, new))
    if old_type != new_type and not ignored.covers("content-type"):
        return [Difference("body", "", "changed", _size(old, old_type), _size(new, new_type))]
    if old.content and new.content and not (_is_coded(old) or _is_coded(new)):
        if _is_json(old_type) and _is_json(new_type):
            # What says that it is JSON and is none is compared as a text.
            with contextlib.suppress(ValueError):
                return compare_json(parse_json(old.content), parse_json(new.content), ignored)
        elif old_type == HTML and new_type == HTML:
            return compare_texts(html_lines(_text(old)), html_lines(_text(new)), ignored)
        if _is_text(old_type) and _is_text(new_type):
            return compare_texts(text_lines(_text(old)), text_lines(_text(new)), ignored)
    return [Difference("body", "", "changed", f"{_size(old)}, {_digest(old)}", f"{_size(new)}, {_digest(new)}")]


def _is_coded(answer: Answer) -> bool:
    return answer.headers.get("content-encoding", "identity").strip().lower() != "identity"


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or media_type.endswith("+json")


def _is_text(media_type: str) -> bool:
    return media_type.startswith("text/") or media_type in _TEXT_TYPES or _is_json(media_type)


def _text(answer: Answer) -> str:
    charset = "utf-8"
    try:
        parameters = dict(parse_media_type(answer.headers.get("content-type", "")).parameters)
        charset = parameters.get("charset", charset)
        return (answer.content or b"").decode(charset, "replace")
    except (ValueError, LookupError):
        return (answer.content or b"").decode("utf-8", "replace")


def _size(answer: Answer, media_type: str = "") -> str:
    size = f"{answer.length_bytes:,} byte{'' if answer.length_bytes == 1 else 's'}"
    return f"{size} of {media_type}" if media_type else size


def _digest(answer: Answer) -> str:
    return f"sha256 {answer.digest[:12]}"
