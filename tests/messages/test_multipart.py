from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings, strategies as st

from costrel.errors import BadRequest, ContentTooLarge, HTTPError
from costrel.messages.limits import DEFAULT_LIMITS
from costrel.messages.multipart import MultipartIndexer

TYPE = "multipart/form-data; boundary=b"


def part(name: str = "a", content: bytes = b"1", filename: str | None = None, extra: bytes = b"") -> bytes:
    file = f'; filename="{filename}"' if filename is not None else ""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n'.encode()
    return head + extra + b"\r\n" + content + b"\r\n"


def index_of(body: bytes, content_type: str = TYPE, limits=DEFAULT_LIMITS, piece_bytes: int = 0):
    indexer = MultipartIndexer(content_type, limits)
    step = piece_bytes or max(len(body), 1)
    for start in range(0, len(body), step):
        indexer.feed(body[start : start + step])
    return indexer.finish()


def answer(body: bytes, content_type: str = TYPE, limits=DEFAULT_LIMITS, piece_bytes: int = 0) -> object:
    """What a client gets: a status, or the fields and files."""
    try:
        index = index_of(body, content_type, limits, piece_bytes)
    except HTTPError as error:
        return error.status_code
    contents = [body[file.offset : file.offset + file.size_bytes] for file in index.files]
    return index.fields, [(file.head.name, file.head.filename) for file in index.files], contents


def test_fields_and_files_are_found_in_order():
    """A form gives its text fields by value and its files by their place."""
    body = part("a", b"1") + part("f", b"\x00\xff", "x.bin") + part("a", "é".encode()) + b"--b--\r\n"

    assert ((("a", "1"), ("a", "é")), [("f", "x.bin")], [b"\x00\xff"]) == answer(body)


def test_a_form_without_parts_is_empty():
    """Only the final boundary is a form with nothing in it."""
    assert ((), [], []) == answer(b"--b--\r\n")


def test_a_file_field_in_which_nothing_was_chosen_is_no_file():
    """A browser sends an empty file without a name; it is left out."""
    assert ((), [], []) == answer(part("f", b"", "") + b"--b--")


ODD = [
    pytest.param(part("a", b"1") + b"--b--", ((("a", "1"),), [], []), "C10", id="no-line-end-after-the-final-boundary"),
    pytest.param(part("a", b"1") + b"--b", 400, "C10", id="final-boundary-cut-off"),
    pytest.param(part("a", b"1"), 400, "C10", id="no-final-boundary"),
    pytest.param(part("a", b"1")[:30], 400, "C10", id="header-cut-off"),
    pytest.param(b"", 400, "C10", id="no-content"),
    pytest.param(b"v\r\n", 400, "C10", id="no-boundary-at-all"),
    pytest.param(b"\r\n" * 512 + part() + b"--b--", ((("a", "1"),), [], []), "C11", id="preamble-of-1-KiB"),
    pytest.param(b"\n" * 200_000 + part() + b"--b--", 400, "C11", id="preamble-of-200-KB"),
    pytest.param(b"x\r\n" + b"y" * 1023 + b"\r\n" + part() + b"--b--", 400, "C11", id="preamble-over-1-KiB"),
    pytest.param(b"x" + part() + b"--b--", 400, "C11", id="boundary-inside-a-line"),
    pytest.param(part() + b"--b--" + b"\n" * 1024, ((("a", "1"),), [], []), "C11", id="epilogue-of-1-KiB"),
    pytest.param(part() + b"--b--" + b"\n" * 1025, 400, "C11", id="epilogue-over-1-KiB"),
    pytest.param(part() + b"--b--" + b"\n" * 200_000, 400, "C11", id="epilogue-of-200-KB"),
    pytest.param(part(extra=b"X: " + b"y" * 100_000 + b"\r\n") + b"--b--", 400, "C13", id="header-of-100-KB"),
    pytest.param(part(extra=b"X: y\r\n" * 1000) + b"--b--", 400, "C13", id="1000-headers"),
    pytest.param(b'--b\r\nContent-Disposition: form-data; name="a"\r\n1\r\n--b--', 400, "C13", id="no-blank-line"),
    pytest.param(part().replace(b"\r\n", b"\n") + b"--b--", 400, "C13", id="bare-line-feeds"),
    pytest.param(part(extra=b"X: a\rb\r\n") + b"--b--", 400, "C13", id="carriage-return-in-a-header"),
    pytest.param(part(extra=b"X: a\nY: b\r\n") + b"--b--", 400, "C13", id="line-feed-in-a-header"),
    pytest.param(part(extra=b"X: a\x00b\r\n") + b"--b--", 400, "C13", id="NUL-in-a-header"),
    pytest.param(part(extra=b"X: a\r\n b\r\n") + b"--b--", 400, "C13", id="folded-header"),
    pytest.param(part(extra=b"X : a\r\n") + b"--b--", 400, "C13", id="space-before-the-colon"),
    pytest.param(part(extra=b"no colon\r\n") + b"--b--", 400, "C13", id="header-without-a-colon"),
    pytest.param(
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="safe.txt"; filename*=UTF-8\'\'evil.php'
        b"\r\n\r\n1\r\n--b--",
        ((), [("f", "safe.txt")], [b"1"]),
        "C15",
        id="filename-star-beside-filename",
    ),
    pytest.param(
        b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename*=UTF-8''evil.php\r\n\r\n1\r\n--b--",
        ((("f", "1"),), [], []),
        "C15",
        id="filename-star-alone",
    ),
    pytest.param(
        b'--b\r\nContent-Disposition: form-data; name="f"; filename*0="a"; name*=utf-8\'\'x\r\n\r\n1\r\n--b--',
        ((("f", "1"),), [], []),
        "C15",
        id="continuations-and-name-star",
    ),
    pytest.param(
        b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename*=UTF-8''%zz%ff\r\n\r\n1\r\n--b--",
        ((("f", "1"),), [], []),
        "C16",
        id="broken-percent-in-filename-star",
    ),
    pytest.param(
        b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename*=nope''x\r\n\r\n1\r\n--b--",
        ((("f", "1"),), [], []),
        "C16",
        id="unknown-charset-in-filename-star",
    ),
    pytest.param(b"--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--", 400, "C17", id="no-name"),
    pytest.param(part("") + b"--b--", ((("", "1"),), [], []), "C17", id="empty-name"),
    pytest.param(b"--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--", 400, "C17", id="no-disposition"),
    pytest.param(b"--b\r\n\r\n1\r\n--b--", 400, "C17", id="no-header-at-all"),
    pytest.param(
        b'--b\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--b--', 400, "C17", id="other-disposition"
    ),
    pytest.param(
        part(extra=b'Content-Disposition: form-data; name="z"\r\n') + b"--b--", 400, "C17", id="two-dispositions"
    ),
    pytest.param(
        b'--b\r\nContent-Disposition: form-data; name="a"; name="z"\r\n\r\n1\r\n--b--', 400, "C17", id="two-names"
    ),
    pytest.param(
        b'--b\r\nContent-Disposition: form-data; name="a\xff"\r\n\r\n1\r\n--b--',
        ((("a�", "1"),), [], []),
        "C17",
        id="name-that-is-no-UTF-8",
    ),
    pytest.param(
        part("_charset_", b"utf-7")
        + part("a", b"+AGE-", extra=b"Content-Type: text/plain; charset=utf-7\r\n")
        + b"--b--",
        ((("_charset_", "utf-7"), ("a", "+AGE-")), [], []),
        "C18",
        id="charsets-are-ignored",
    ),
    pytest.param(
        part("a", b"MTIz", extra=b"Content-Transfer-Encoding: base64\r\n") + b"--b--",
        ((("a", "MTIz"),), [], []),
        "C19",
        id="transfer-encodings-are-ignored",
    ),
    pytest.param(
        part("f", b"--n\r\n\r\nx\r\n--n--", "n", extra=b"Content-Type: multipart/mixed; boundary=n\r\n") + b"--b--",
        ((), [("f", "n")], [b"--n\r\n\r\nx\r\n--n--"]),
        "C20",
        id="nested-multipart-is-opaque",
    ),
]


@pytest.mark.security("C10")
@pytest.mark.security("C11")
@pytest.mark.security("C13")
@pytest.mark.security("C15")
@pytest.mark.security("C16")
@pytest.mark.security("C17")
@pytest.mark.security("C18")
@pytest.mark.security("C19")
@pytest.mark.security("C20")
@pytest.mark.parametrize("piece_bytes", [pytest.param(0, id="whole"), pytest.param(1, id="byte-by-byte")])
@pytest.mark.parametrize(("body", "expected", "row"), ODD)
def test_odd_forms_have_one_answer(body, expected, row, piece_bytes):
    """Every odd form is read as its row says or refused as a whole, however it is cut."""
    assert expected == answer(body, piece_bytes=piece_bytes if len(body) < 5000 else piece_bytes * 1009)


@pytest.mark.security("C9")
@pytest.mark.parametrize(
    "content_type",
    [
        pytest.param("multipart/form-data", id="no-boundary"),
        pytest.param("multipart/form-data; boundary=", id="empty"),
        pytest.param('multipart/form-data; boundary=""', id="empty-in-quotes"),
        pytest.param(f"multipart/form-data; boundary={'b' * 71}", id="71-characters"),
        pytest.param(f"multipart/form-data; boundary={'b' * 300}", id="300-characters"),
        pytest.param('multipart/form-data; boundary="a b"', id="space"),
        pytest.param('multipart/form-data; boundary="a\\"b"', id="quote"),
        pytest.param("multipart/form-data; boundary=\xe9", id="not-ascii"),
        pytest.param("multipart/form-data; boundary=--", id="hyphens"),
        pytest.param("multipart/form-data; boundary=a; boundary=b", id="two-boundaries"),
        pytest.param("multipart/form-data boundary=b", id="no-semicolon"),
    ],
)
def test_a_boundary_that_is_none_is_refused(content_type):
    """A boundary outside RFC 2046 §5.1.1 is 400."""
    with pytest.raises(BadRequest):
        MultipartIndexer(content_type, DEFAULT_LIMITS)


@pytest.mark.parametrize("boundary", ["b" * 70, "----WebKitFormBoundaryX", "---------------------------1"])
def test_boundaries_of_browsers_are_accepted(boundary):
    """70 characters and many hyphens are fine."""
    body = f'--{boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--{boundary}--\r\n'.encode()

    assert (("a", "1"),) == index_of(body, f"multipart/form-data; boundary={boundary}").fields


LIMITS = [
    pytest.param("max_form_fields", 3, lambda n: part() * n, 413, "C7", id="fields"),
    pytest.param("max_files", 3, lambda n: part("f", b"x", "x") * n, 413, "C7", id="files"),
    pytest.param("max_parts", 3, lambda n: part() * n, 413, "C7", id="parts"),
    pytest.param("max_form_field_bytes", 20, lambda n: part("a", b"x" * n), 413, "C8", id="bytes-of-a-field"),
    pytest.param("max_form_memory_bytes", 20, lambda n: part("a", b"x" * (n - 1)), 413, "C8", id="bytes-of-all-fields"),
    pytest.param("max_part_headers", 4, lambda n: part(extra=b"X: y\r\n" * (n - 1)), 400, "C13", id="header-fields"),
    pytest.param(
        "max_part_header_bytes",
        100,
        lambda n: part(extra=b"X: " + b"y" * (n - len('Content-Disposition: form-data; name="a"') - 5) + b"\r\n"),
        400,
        "C13",
        id="bytes-of-the-head",
    ),
]


@pytest.mark.pain("P11")
@pytest.mark.security("C7")
@pytest.mark.security("C8")
@pytest.mark.security("C13")
@pytest.mark.parametrize("piece_bytes", [0, 1, 7])
@pytest.mark.parametrize(("name", "limit", "body_of", "status_code", "row"), LIMITS)
def test_limits_hold_at_the_byte(name, limit, body_of, status_code, row, piece_bytes):
    """n - 1 and n pass a limit of n, n + 1 is refused."""
    limits = replace(DEFAULT_LIMITS, **{name: limit})
    answers = [answer(body_of(n) + b"--b--", limits=limits, piece_bytes=piece_bytes) for n in (limit - 1, limit)]

    assert status_code == answer(body_of(limit + 1) + b"--b--", limits=limits, piece_bytes=piece_bytes)
    assert all(isinstance(item, tuple) for item in answers)


@pytest.mark.security("C7")
@pytest.mark.security("C8")
def test_the_default_limits_are_those_of_the_table():
    """1001 fields, 101 files and one field of 2 MB are refused by default."""
    assert 413 == answer(part() * 1001 + b"--b--")
    assert 413 == answer(part("f", b"x", "x") * 101 + b"--b--")
    assert 413 == answer(part("a", b"x" * 2_000_000) + b"--b--")


@pytest.mark.security("C8")
def test_text_is_refused_as_soon_as_it_is_too_long():
    """A field over its limit is refused while it arrives, before its end."""
    indexer = MultipartIndexer(TYPE, DEFAULT_LIMITS)
    indexer.feed(part("a", b"")[:-2])
    for _ in range(4):
        indexer.feed(b"x" * 65536)
    with pytest.raises(ContentTooLarge):
        indexer.feed(b"x" * 100)


def test_a_head_without_an_end_is_refused_while_it_arrives():
    """A header line that never ends is refused when it is too long."""
    indexer = MultipartIndexer(TYPE, DEFAULT_LIMITS)
    indexer.feed(b"--b\r\n")
    for _ in range(DEFAULT_LIMITS.max_part_header_bytes):
        indexer.feed(b"x")
    with pytest.raises(BadRequest):
        indexer.feed(b"x" * 5)


@pytest.mark.security("C14")
def test_a_file_name_keeps_what_the_client_sent():
    """The name in the index is the raw one; making it safe is the form's."""
    names = ["../../etc/passwd", "C:\\x\\y.exe", "a\x00.png", "x" * 3000, "\u202egpj.exe"]
    body = b"".join(part("f", b"1", name) for name in names) + b"--b--"

    assert names == [file.head.filename for file in index_of(body).files]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param('"a%22b"', 'a"b', id="quote-as-browsers-send-it"),
        pytest.param('"a%0D%0Ab"', "a\r\nb", id="line-end-as-browsers-send-it"),
        pytest.param('"100%25"', "100%25", id="other-percent-is-literal"),
        pytest.param('"a\\"b\\\\c"', 'a"b\\c', id="escaped-quote-and-backslash"),
        pytest.param("plain", "plain", id="token"),
    ],
)
def test_names_are_unquoted_as_html_quotes_them(written, meant):
    """Browsers escape a quote and line ends by percent, older clients by backslash."""
    body = f"--b\r\nContent-Disposition: form-data; name={written}\r\n\r\n1\r\n--b--".encode()

    assert ((meant, "1"),) == index_of(body).fields


NAMES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters='"\\%\r\n'), max_size=20)
CONTENTS = st.binary(max_size=60).filter(lambda content: b"--b" not in content)


@settings(max_examples=150, deadline=None)
@given(
    parts=st.lists(st.tuples(NAMES, st.none() | NAMES.filter(bool), CONTENTS), max_size=5),
    places=st.lists(st.integers(0, 1000), max_size=10),
    preamble=st.sampled_from([b"", b"\r\n", b"hello\r\n"]),
)
def test_any_form_comes_back_however_it_is_cut(parts, places, preamble):
    """Every form round-trips, whatever the pieces in which it arrives."""
    body = preamble + b"".join(part(name, content, filename) for name, filename, content in parts) + b"--b--\r\n"
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    indexer = MultipartIndexer(TYPE, DEFAULT_LIMITS)
    for start, stop in zip(edges, edges[1:], strict=False):
        indexer.feed(body[start:stop])
    index = indexer.finish()

    assert [
        (name, content.decode("utf-8", "replace")) for name, filename, content in parts if filename is None
    ] == list(index.fields)
    assert [(name, filename, content) for name, filename, content in parts if filename is not None] == [
        (file.head.name, file.head.filename, body[file.offset : file.offset + file.size_bytes]) for file in index.files
    ]


@settings(max_examples=150, deadline=None)
@given(body=st.binary(max_size=300), places=st.lists(st.integers(0, 300), max_size=5))
def test_garbage_is_refused_or_read_and_never_anything_else(body, places):
    """Whatever comes, the answer is a form or a 4xx, the same for every split."""
    assert answer(body) == answer(body, piece_bytes=1)
    assert answer(b"--b\r\n" + body + b"\r\n--b--") == answer(b"--b\r\n" + body + b"\r\n--b--", piece_bytes=1)
