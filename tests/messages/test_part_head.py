from __future__ import annotations

import pytest

from costrel.errors import BadRequest
from costrel.messages.part_head import check_field_lines, parse_boundary, parse_part_head


def test_a_boundary_is_returned_as_bytes():
    """The boundary stands in the Content-Type, with or without quotes."""
    assert b"a:b" == parse_boundary('multipart/form-data; charset=utf-8; boundary="a:b"')


@pytest.mark.security("C9")
@pytest.mark.parametrize("length", [70, 71])
def test_a_boundary_has_at_most_70_characters(length):
    """RFC 2046 §5.1.1: 1 to 70 characters."""
    value = f"multipart/form-data; boundary={'b' * length}"
    if length == 70:
        assert b"b" * 70 == parse_boundary(value)
    else:
        with pytest.raises(BadRequest):
            parse_boundary(value)


def test_a_head_has_name_file_name_and_fields():
    """Names are read from Content-Disposition, everything else stays a header field."""
    head = parse_part_head(
        [("Content-Disposition", 'Form-Data; Name="a"; filename=b.txt'), ("Content-Type", "text/plain ")]
    )

    assert ("a", "b.txt") == (head.name, head.filename)
    assert "text/plain" == head.headers["content-type"]


@pytest.mark.security("C13")
@pytest.mark.parametrize(
    ("section", "is_good"),
    [
        pytest.param(b"A: b\r\nC: d", True, id="two-lines"),
        pytest.param(b"A: b\tc", True, id="tab"),
        pytest.param(b"A: \x01", False, id="control"),
        pytest.param(b'Content-Disposition: form-data; filename="a\x00b"', True, id="control-in-a-file-name"),
        pytest.param(b"Content-Disposition: form-data\n", False, id="line-feed-in-a-disposition"),
        pytest.param(b": b", False, id="no-name"),
    ],
)
def test_field_lines_are_checked(section, is_good):
    """A header section of a part is lines of fields and nothing else."""
    if is_good:
        check_field_lines(section)
    else:
        with pytest.raises(BadRequest):
            check_field_lines(section)
