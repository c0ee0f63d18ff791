"""A list of conditional requests, put to a file and to a dynamic response alike.

Spec: RFC 9110 §13.1, §13.2.2, §14.2.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from costrel import App, FileResponse, PreconditionFailed, Request, Response
from costrel.http import Precondition, parse_etag
from costrel.testing import TestClient

CONTENT = b"0123456789"
CHANGED = 1_000_000_000
DATE = "Sun, 09 Sep 2001 01:46:40 GMT"
EARLIER = "Sun, 09 Sep 2001 01:46:39 GMT"
LATER = "Sun, 09 Sep 2001 01:46:41 GMT"

# (name, method, fields, status of a file, status of a dynamic response); `{etag}` is the current tag.
CASES = [
    ("no-condition", "GET", {}, 200, 200),
    ("match", "GET", {"If-Match": "{etag}"}, 200, 200),
    ("match-in-a-list", "GET", {"If-Match": '"a", {etag}'}, 200, 200),
    ("match-any", "GET", {"If-Match": "*"}, 200, 200),
    ("match-another", "GET", {"If-Match": '"a"'}, 412, 412),
    ("match-compares-strongly", "GET", {"If-Match": "W/{etag}"}, 412, 412),
    ("unmodified-at-the-time", "GET", {"If-Unmodified-Since": DATE}, 200, 200),
    ("modified-after-the-time", "GET", {"If-Unmodified-Since": EARLIER}, 412, 412),
    ("unmodified-no-date", "GET", {"If-Unmodified-Since": "yesterday"}, 200, 200),
    ("match-wins-over-unmodified", "GET", {"If-Match": "{etag}", "If-Unmodified-Since": EARLIER}, 200, 200),
    ("none-match", "GET", {"If-None-Match": "{etag}"}, 304, 304),
    ("none-match-compares-weakly", "GET", {"If-None-Match": "W/{etag}"}, 304, 304),
    ("none-match-in-a-list", "GET", {"If-None-Match": '"a",{etag}'}, 304, 304),
    ("none-match-any", "GET", {"If-None-Match": "*"}, 304, 304),
    ("none-match-another", "GET", {"If-None-Match": '"a"'}, 200, 200),
    ("none-match-no-tag", "GET", {"If-None-Match": "a"}, 200, 200),
    ("modified-since-at-the-time", "GET", {"If-Modified-Since": DATE}, 304, 304),
    ("modified-since-later", "GET", {"If-Modified-Since": LATER}, 304, 304),
    ("modified-since-earlier", "GET", {"If-Modified-Since": EARLIER}, 200, 200),
    ("modified-since-old-date", "GET", {"If-Modified-Since": "Sunday, 09-Sep-01 01:46:40 GMT"}, 304, 304),
    ("none-match-wins-over-modified", "GET", {"If-None-Match": '"a"', "If-Modified-Since": DATE}, 200, 200),
    ("match-before-none-match", "GET", {"If-Match": '"a"', "If-None-Match": "{etag}"}, 412, 412),
    ("match-then-none-match", "GET", {"If-Match": "{etag}", "If-None-Match": "{etag}"}, 304, 304),
    ("head-none-match", "HEAD", {"If-None-Match": "{etag}"}, 304, 304),
    ("head-match-another", "HEAD", {"If-Match": '"a"'}, 412, 412),
    ("put-match", "PUT", {"If-Match": "{etag}"}, None, 200),
    ("put-match-another", "PUT", {"If-Match": '"a"'}, None, 412),
    ("put-none-match-any", "PUT", {"If-None-Match": "*"}, None, 412),
    ("put-none-match-is-no-304", "PUT", {"If-None-Match": "{etag}"}, None, 412),
    ("put-modified-since-is-ignored", "PUT", {"If-Modified-Since": DATE}, None, 200),
    ("put-modified-after", "PUT", {"If-Unmodified-Since": EARLIER}, None, 412),
    ("range", "GET", {"Range": "bytes=2-4"}, 206, 200),
    ("range-of-the-same", "GET", {"Range": "bytes=2-4", "If-Range": "{etag}"}, 206, 200),
    ("range-of-another", "GET", {"Range": "bytes=2-4", "If-Range": '"a"'}, 200, 200),
    ("range-compares-strongly", "GET", {"Range": "bytes=2-4", "If-Range": "W/{etag}"}, 200, 200),
    ("range-since-the-time", "GET", {"Range": "bytes=2-4", "If-Range": DATE}, 206, 200),
    ("range-since-another-time", "GET", {"Range": "bytes=2-4", "If-Range": LATER}, 200, 200),
    ("range-and-none-match", "GET", {"Range": "bytes=2-4", "If-None-Match": "{etag}"}, 304, 304),
    ("range-and-match-another", "GET", {"Range": "bytes=2-4", "If-Match": '"a"'}, 412, 412),
    ("range-beyond", "GET", {"Range": "bytes=10-"}, 416, 200),
    ("range-beyond-of-another", "GET", {"Range": "bytes=10-", "If-Range": '"a"'}, 200, 200),
    ("head-ignores-ranges", "HEAD", {"Range": "bytes=2-4"}, 200, 200),
]


def make_app(path: Path) -> App:
    """Make an application with one file and one page that checks conditions itself."""
    app = App("test", extensions=())
    tag = parse_etag('"page"')

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(path)

    @app.route("/page", methods=["GET", "PUT"])
    async def page(request: Request) -> Response:
        outcome = request.check_preconditions(etag=tag, last_modified=CHANGED)
        if outcome is Precondition.FAILED:
            raise PreconditionFailed
        response = Response(CONTENT, 304 if outcome is Precondition.NOT_MODIFIED else 200)
        response.etag = tag
        return response

    return app


@pytest.mark.pain("P34")
@pytest.mark.parametrize("target", ["file", "page"])
@pytest.mark.parametrize(
    ("method", "fields", "of_file", "of_page"), [pytest.param(*case[1:], id=case[0]) for case in CASES]
)
def test_conditions_are_decided_in_the_order_of_the_standard(
    tmp_path: Path, target: str, method: str, fields: dict[str, str], of_file: int | None, of_page: int
) -> None:
    """One evaluation serves files and everything else that has a tag."""
    expected = of_file if target == "file" else of_page
    if expected is None:
        expected = 405
    path = tmp_path / "file.txt"
    path.write_bytes(CONTENT)
    os.utime(path, (CHANGED, CHANGED))

    with TestClient(make_app(path)) as client:
        etag = client.get(f"/{target}").headers["etag"]
        headers = {name: value.format(etag=etag) for name, value in fields.items()}
        response = client.request(method, f"/{target}", headers=headers)

    bodies = {200: b"" if method == "HEAD" else CONTENT, 206: b"234", 304: b""}

    assert expected == response.status_code
    if expected in bodies:
        assert (bodies[expected], etag) == (response.content, response.headers["etag"])
