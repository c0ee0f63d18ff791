from __future__ import annotations

import pytest

from costrel.static.freshness import cache_control_of, has_fingerprint

FOR_GOOD = "public, immutable, max-age=31536000"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("app.3f9a1c2b.css", True, id="eight-digits-after-a-dot"),
        pytest.param("app-3f9a1c2b.js", True, id="after-a-hyphen"),
        pytest.param("app.3f9a1c2b.min.js", True, id="before-two-extensions"),
        pytest.param("app.3f9a1c2b.js.map", True, id="a-source-map"),
        pytest.param(f"app.{'0a' * 32}.css", True, id="a-whole-sha256"),
        pytest.param("en-us.3f9a1c2b.js", True, id="behind-another-hyphen"),
        pytest.param("app.3f9a1c2.css", False, id="seven-digits"),
        pytest.param(f"app.{'0a' * 33}.css", False, id="too-long-for-a-hash"),
        pytest.param("report-20240131.pdf", False, id="a-date"),
        pytest.param("cafe-deadbeef.png", False, id="a-word"),
        pytest.param("app.3F9A1C2B.css", False, id="capitals"),
        pytest.param("app.3f9a1c2g.css", False, id="not-hexadecimal"),
        pytest.param("app.3f9a1c2b", False, id="at-the-end-of-the-name"),
        pytest.param("3f9a1c2b.css", False, id="at-the-beginning-of-the-name"),
        pytest.param("site.css", False, id="an-ordinary-name"),
        pytest.param("", False, id="no-name"),
    ],
)
def test_a_name_with_a_hash_is_known_by_it(name, expected):
    """Only what can hardly be anything but a hash counts, because a wrong guess lasts a year."""

    assert expected == has_fingerprint(name)


@pytest.mark.capability("C103")
@pytest.mark.parametrize(
    ("name", "max_age_seconds", "expected"),
    [
        pytest.param("css/app.3f9a1c2b.css", 0, FOR_GOOD, id="a-hash"),
        pytest.param("css/app.3f9a1c2b.css", 60, FOR_GOOD, id="a-hash-wins"),
        pytest.param("css.3f9a1c2b.d/app.css", 0, "no-cache", id="a-hash-of-the-folder-counts-not"),
        pytest.param("app.css", 0, "no-cache", id="asked-about-each-time"),
        pytest.param("app.css", 1, "public, max-age=1", id="kept-for-a-while"),
    ],
)
def test_the_name_decides_how_long_a_file_is_kept(name, max_age_seconds, expected):
    """A year with a hash in the name, else what was asked for."""

    assert expected == cache_control_of(name, max_age_seconds)


def test_a_long_name_is_looked_through_in_linear_time():
    """A name of 4096 characters made of almost hashes costs next to nothing."""

    assert not has_fingerprint("-0000000" * 512)
