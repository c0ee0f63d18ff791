from __future__ import annotations

import io
from dataclasses import replace

import pytest

from costrel.errors import BadRequest, ContentTooLarge
from costrel.http import MissingKey
from costrel.messages.content import SpooledContent
from costrel.messages.forms import parse_form
from costrel.messages.limits import DEFAULT_LIMITS

TYPE = "multipart/form-data; boundary=b"
URLENCODED = "application/x-www-form-urlencoded"


def upload(content: bytes, filename: str = "x.txt", extra: bytes = b"Content-Type: Text/Plain; charset=x\r\n"):
    head = f'--b\r\nContent-Disposition: form-data; name="f"; filename="{filename}"\r\n'.encode()
    return parse_form(head + extra + b"\r\n" + content + b"\r\n--b--", TYPE, DEFAULT_LIMITS).files["f"]


@pytest.mark.capability("C026")
def test_an_urlencoded_form_has_fields():
    """Fields of an urlencoded form are decoded, and several of one name are kept."""
    form = parse_form(b"a=1&b=%C3%A9+x&a=2", URLENCODED + "; charset=utf-8", DEFAULT_LIMITS)

    assert ["1", "2"] == form.fields.getlist("a")
    assert "é x" == form.fields["b"]
    assert 0 == len(form.files)


@pytest.mark.capability("C026")
def test_a_multipart_form_has_fields_and_files():
    """A multipart form in plain bytes is taken apart on the spot."""
    body = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--'
    form = parse_form(body, TYPE, DEFAULT_LIMITS)

    assert "1" == form.fields["a"]


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        pytest.param(b"a=1", "text/plain", id="other-type"),
        pytest.param(b"a=1", "", id="no-type"),
        pytest.param(b"", TYPE, id="no-content"),
        pytest.param(SpooledContent(b"{}", 2), "application/json", id="spooled-json"),
    ],
)
def test_other_content_has_no_form(content, content_type):
    """Content that is no form has neither fields nor files, and a missing key names itself."""
    form = parse_form(content, content_type, DEFAULT_LIMITS)

    assert (0, 0) == (len(form.fields), len(form.files))
    with pytest.raises(MissingKey) as caught:
        form.files["f"]

    assert ("f", "files") == (caught.value.key, caught.value.source)


@pytest.mark.pain("P11")
@pytest.mark.security("C2")
@pytest.mark.parametrize(
    ("body", "is_good"),
    [
        pytest.param(b"&".join([b"a=1"] * 1000), True, id="1000-fields"),
        pytest.param(b"&".join([b"a=1"] * 1001), False, id="1001-fields"),
        pytest.param(b"a=" + b"x" * 256 * 1024, True, id="field-of-256-KiB"),
        pytest.param(b"a=" + b"x" * (256 * 1024 + 1), False, id="field-over-256-KiB"),
        pytest.param(b"a=" + b"x" * 3_000_000, False, id="field-of-3-MB"),
    ],
)
def test_urlencoded_forms_have_the_limits_of_all_forms(body, is_good):
    """The limits on fields hold for urlencoded forms too."""
    if is_good:
        assert "a" in parse_form(body, URLENCODED, DEFAULT_LIMITS).fields
    else:
        with pytest.raises(ContentTooLarge):
            parse_form(body, URLENCODED, DEFAULT_LIMITS)


def test_a_spooled_urlencoded_form_is_read_back():
    """Where the content is kept makes no difference to the fields."""
    form = parse_form(SpooledContent(b"a=1", 3), URLENCODED, DEFAULT_LIMITS)

    assert "1" == form.fields["a"]


def test_a_broken_form_in_bytes_is_refused():
    """A form without its final boundary is 400 here too."""
    with pytest.raises(BadRequest):
        parse_form(b"--b\r\n", TYPE, replace(DEFAULT_LIMITS))


@pytest.mark.security("C14")
@pytest.mark.parametrize(
    ("raw", "safe"),
    [
        pytest.param("../../etc/passwd", "passwd", id="climbing"),
        pytest.param("C:\\x\\y.exe", "y.exe", id="windows-path"),
        pytest.param("a\x00.png", "a.png", id="NUL"),
        pytest.param("CON.txt", "_CON.txt", id="device"),
        pytest.param("a\u202egpj.exe", "agpj.exe", id="right-to-left"),
    ],
)
def test_a_file_name_is_made_safe_and_the_raw_one_kept(raw, safe):
    """`filename` is a safe last component, `raw_filename` is what came."""
    file = upload(b"1", raw)

    assert (safe, raw) == (file.filename, file.raw_filename)


@pytest.mark.security("C14")
def test_a_long_file_name_is_shortened():
    """A name of 3 KB becomes one of at most 255 bytes that keeps its suffix."""
    name = upload(b"1", "x" * 3000 + ".png").filename

    assert len(name.encode()) <= 255
    assert name.endswith(".png")


def test_an_upload_reads_like_a_file():
    """An upload has the methods of a binary file, with a position of its own."""
    file = upload(b"one\ntwo\nthree")

    assert ("text/plain", 13) == (file.content_type, file.size_bytes)
    assert b"one\n" == file.readline()
    assert [b"two\n", b"three"] == list(file)
    assert (4, b"two") == (file.seek(4), file.read(3))
    assert 7 == file.tell()
    assert (True, True, False) == (file.readable(), file.seekable(), file.writable())
    assert ["one", "two", "three"] == (file.seek(0), io.TextIOWrapper(file.file).read().split())[1]


def test_an_upload_without_a_type_is_bytes():
    """The media type of a part that names none is `application/octet-stream`."""
    assert "application/octet-stream" == upload(b"1", extra=b"").content_type


def test_an_upload_is_saved_where_the_handler_says(tmp_path):
    """`save` writes the whole file, whatever the position, and never over another unless told."""
    file = upload(b"x" * 600_000)
    file.read(5)
    file.save(tmp_path / "mine")

    assert b"x" * 600_000 == (tmp_path / "mine").read_bytes()
    with pytest.raises(FileExistsError):
        file.save(tmp_path / "mine")
    upload(b"new").save(tmp_path / "mine", overwrite=True)

    assert b"new" == (tmp_path / "mine").read_bytes()
    with pytest.raises(IsADirectoryError, match="file name of your own"):
        file.save(tmp_path)


def test_a_file_that_could_not_be_saved_is_removed(tmp_path, run, scripted):
    """A save that breaks off leaves nothing behind."""
    from costrel.messages.forms import UploadFile
    from costrel.messages.multipart import FilePart
    from costrel.messages.open_file import OpenFile
    from costrel.messages.part_head import parse_part_head

    stored = OpenFile.temporary()
    stored.append([b"abc"])
    head = parse_part_head([("Content-Disposition", 'form-data; name="f"; filename="x"')])
    file = UploadFile(SpooledContent(stored, 3), FilePart(head, 0, 3))
    stored.close()
    with pytest.raises(ValueError, match="closed"):
        file.save(tmp_path / "x")

    assert [] == list(tmp_path.iterdir())
