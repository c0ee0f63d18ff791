"""Tests of path safety: the traversal corpus."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from costrel.http.paths import safe_filename, safe_join, safe_relative_path
from costrel.http.percent import decode_path

pytestmark = pytest.mark.capability("X28")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("a", id="one-segment"),
        pytest.param("css/site.css", id="two-segments"),
        pytest.param("a b/ c", id="spaces-inside-and-in-front"),
        pytest.param("é/日本.txt", id="not-ascii"),
        pytest.param("%2e%2e%2fsecret", id="escapes-that-are-left-are-text", marks=pytest.mark.security("B3")),
        pytest.param("a..b", id="dots-inside"),
        pytest.param("a;b", id="a-semicolon"),
        pytest.param("CONSOLE/COMMON/COM/LPT10/nul_", id="nearly-devices"),
        pytest.param("x" * 255, id="255-bytes"),
        pytest.param("/".join(["x" * 255] * 16), id="4095-bytes"),
    ],
)
def test_safe(path: str) -> None:
    """A path that stays below its directory on every system is returned as it is."""
    assert path == safe_relative_path(path)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("", id="empty"),
        pytest.param("../secret", id="B1-up", marks=pytest.mark.security("B1")),
        pytest.param("a/../../secret", id="B1-down-and-up", marks=pytest.mark.security("B1")),
        pytest.param("..", id="B1-only-up", marks=pytest.mark.security("B1")),
        pytest.param("..;/secret", id="B1-up-with-parameter", marks=pytest.mark.security("B1")),
        pytest.param(".", id="B1-here", marks=pytest.mark.security("B1")),
        pytest.param("a/./b", id="B1-here-inside", marks=pytest.mark.security("B1")),
        pytest.param("a/..", id="B1-up-at-the-end", marks=pytest.mark.security("B1")),
        pytest.param("..\\secret", id="B4-backslash", marks=pytest.mark.security("B4")),
        pytest.param("a\\b", id="B4-backslash-inside", marks=pytest.mark.security("B4")),
        pytest.param("a.txt\0.png", id="B5-nul", marks=pytest.mark.security("B5")),
        pytest.param("a\nb", id="B5-line-break", marks=pytest.mark.security("B5")),
        pytest.param("/etc/passwd", id="B6-absolute", marks=pytest.mark.security("B6")),
        pytest.param("//host/share", id="B6-two-slashes", marks=pytest.mark.security("B6")),
        pytest.param("\\\\host\\share", id="B6-share", marks=pytest.mark.security("B6")),
        pytest.param("C:/x", id="B6-drive", marks=pytest.mark.security("B6")),
        pytest.param("C:x", id="B6-drive-relative", marks=pytest.mark.security("B6")),
        pytest.param("a//b", id="B6-empty-segment", marks=pytest.mark.security("B6")),
        pytest.param("CON", id="B7-con", marks=pytest.mark.security("B7")),
        pytest.param("NUL.txt", id="B7-nul-txt", marks=pytest.mark.security("B7")),
        pytest.param("nul.tar.gz", id="B7-nul-two-suffixes", marks=pytest.mark.security("B7")),
        pytest.param("COM1 ", id="B7-com1-space", marks=pytest.mark.security("B7")),
        pytest.param("COM1 .txt", id="B7-com1-space-suffix", marks=pytest.mark.security("B7")),
        pytest.param("COM¹", id="B7-com-superscript", marks=pytest.mark.security("B7")),
        pytest.param("a/LPT1", id="B7-lpt1", marks=pytest.mark.security("B7")),
        pytest.param("aux/a", id="B7-aux-directory", marks=pytest.mark.security("B7")),
        pytest.param("conin$", id="B7-conin", marks=pytest.mark.security("B7")),
        pytest.param("x.txt::$DATA", id="B7-stream", marks=pytest.mark.security("B7")),
        pytest.param("x.txt.", id="B7-final-dot", marks=pytest.mark.security("B7")),
        pytest.param("x.txt ", id="B7-final-space", marks=pytest.mark.security("B7")),
        pytest.param("../static_secret/x", id="B8-sibling", marks=pytest.mark.security("B8")),
        pytest.param("a.txt/", id="B10-final-slash", marks=pytest.mark.security("B10")),
        pytest.param(".env", id="B12-env", marks=pytest.mark.security("B12")),
        pytest.param(".git/config", id="B12-git", marks=pytest.mark.security("B12")),
        pytest.param("a/.htaccess", id="B12-htaccess", marks=pytest.mark.security("B12")),
        pytest.param("file~", id="B12-backup", marks=pytest.mark.security("B12")),
        pytest.param("x" * 256, id="256-bytes"),
        pytest.param("é" * 128, id="256-bytes-in-128-characters"),
        pytest.param("/".join(["x" * 255] * 16) + "/y", id="4097-bytes"),
        pytest.param("/".join(["é" * 100] * 21), id="more-bytes-than-characters"),
        pytest.param("\ud800", id="a-lone-surrogate"),
    ],
)
def test_refused(path: str) -> None:
    """What leaves the directory, or does so on some system, is refused."""
    assert safe_relative_path(path) is None
    assert safe_join("/srv/static", path) is None


@pytest.mark.parametrize(
    ("raw_path", "expected"),
    [
        pytest.param(b"%2e%2e/secret", None, id="B1-escaped-dots", marks=pytest.mark.security("B1")),
        pytest.param(b".%2e/secret", None, id="B1-half-escaped-dots", marks=pytest.mark.security("B1")),
        pytest.param(b"..%2fsecret", None, id="B2-escaped-slash", marks=pytest.mark.security("B2")),
        pytest.param(b"%2e%2e%2fsecret", None, id="B2-all-escaped", marks=pytest.mark.security("B2")),
        pytest.param(b"a%2fb", "a/b", id="B2-an-escaped-slash-below", marks=pytest.mark.security("B2")),
        pytest.param(
            b"%252e%252e%252fsecret", "%2e%2e%2fsecret", id="B3-escaped-twice", marks=pytest.mark.security("B3")
        ),
        pytest.param(b"..%5csecret", None, id="B4-escaped-backslash", marks=pytest.mark.security("B4")),
        pytest.param(b"%2fetc%2fpasswd", None, id="B6-escaped-absolute", marks=pytest.mark.security("B6")),
        pytest.param(b"%5c%5chost%5cshare", None, id="B6-escaped-share", marks=pytest.mark.security("B6")),
    ],
)
def test_as_sent(raw_path: bytes, expected: str | None) -> None:
    """A path that was decoded once, and only once, is judged as what it then says."""
    assert expected == safe_relative_path(decode_path(raw_path))


@pytest.mark.security("B12")
@pytest.mark.parametrize(
    ("path", "accepted"),
    [(".well-known/x", True), ("a~", True), ("..", False), (".", False), ("...", False), (".x.", False)],
)
def test_dotfiles_on_request(path: str, accepted: bool) -> None:
    """Dotfiles can be allowed; what points upwards cannot."""
    assert accepted == (safe_relative_path(path, allow_dotfiles=True) is not None)


@pytest.mark.parametrize(
    ("root", "path", "expected"),
    [
        pytest.param("/srv", "a/b", "/srv/a/b", id="plain"),
        pytest.param("/srv/", "a", "/srv/a", id="final-slash"),
        pytest.param("/", "a", "/a", id="the-root-itself"),
        pytest.param("static", "a", "static/a", id="relative-root"),
    ],
)
def test_safe_join(root: str, path: str, expected: str) -> None:
    """A safe path is put below the directory with one slash between."""
    assert expected == safe_join(root, path)


def test_safe_join_dotfiles() -> None:
    """Dotfiles are refused unless they are asked for."""
    assert safe_join("/srv", ".x") is None
    assert "/srv/.x" == safe_join("/srv", ".x", allow_dotfiles=True)


def test_safe_join_needs_a_directory() -> None:
    """An empty directory would make every path absolute, so it is an error."""
    with pytest.raises(ValueError) as caught:
        safe_join("", "etc/passwd")

    assert "The directory to join to is empty." == str(caught.value)


@pytest.mark.security("C14")
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param("photo 1.jpg", "photo 1.jpg", id="plain"),
        pytest.param("é日.txt", "é日.txt", id="not-ascii"),
        pytest.param("../../etc/passwd", "passwd", id="traversal"),
        pytest.param("C:\\x\\y.exe", "y.exe", id="a-path-of-windows"),
        pytest.param("a\0.png", "a.png", id="nul"),
        pytest.param("a\r\nb\x7f\x85.txt", "ab.txt", id="control-characters"),
        pytest.param("CON.txt", "_CON.txt", id="a-device"),
        pytest.param("com¹", "_com¹", id="a-device-with-superscript"),
        pytest.param("photo\u202egpj.exe", "photogpj.exe", id="right-to-left-override"),
        pytest.param("a\u2028b\ud800.txt", "ab.txt", id="line-separator-and-surrogate"),
        pytest.param("a.txt::$DATA", "a.txt__$DATA", id="a-stream"),
        pytest.param('a<>"|?*.txt', "a______.txt", id="characters-windows-forbids"),
        pytest.param(".htaccess", "htaccess", id="a-dotfile"),
        pytest.param("a.txt. . ~", "a.txt", id="final-dots-and-spaces"),
        pytest.param("...", "file", id="only-dots"),
        pytest.param("", "file", id="empty"),
        pytest.param("dir/", "file", id="only-a-directory"),
        pytest.param("x" * 10_000 + ".jpeg", "x" * 249 + ".jpeg", id="ten-thousand-characters"),
        pytest.param("é" * 200 + ".txt", "é" * 125 + ".txt", id="cut-between-characters"),
        pytest.param("a." + "x" * 300, "a." + "x" * 252, id="a-long-suffix-is-none"),
        pytest.param("CON" + " " * 300 + "x.txt", "_CON" + " " * 247 + ".txt", id="cut-down-to-a-device"),
    ],
)
def test_safe_filename(raw: str, expected: str) -> None:
    """A name becomes one plain segment that every system stores as it is."""
    assert expected == safe_filename(raw)


def test_fallback() -> None:
    """The fallback stands in when nothing is left."""
    assert "upload" == safe_filename("..", fallback="upload")


@settings(max_examples=200)
@given(st.text(max_size=20) | st.text("CONcom1¹. ~:/\\\0é", max_size=20) | st.text("éa.", min_size=240, max_size=280))
def test_a_safe_filename_is_a_safe_path(raw: str) -> None:
    """Whatever was sent, the result is accepted as a path, and is a fixed point."""
    name = safe_filename(raw)

    assert name == safe_relative_path(name) == safe_filename(name)


@settings(max_examples=200)
@given(st.text("./\\:a~ \0C", max_size=12))
def test_a_safe_path_never_leaves(path: str) -> None:
    """Whatever is accepted has only plain segments."""
    accepted = safe_relative_path(path, allow_dotfiles=True)

    assert accepted is None or all(segment not in ("", ".", "..") for segment in accepted.split("/"))
