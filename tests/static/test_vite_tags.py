from __future__ import annotations

import pytest
from markupsafe import escape

from costrel.static.vite_tags import Markup, module_preload, nonce_meta, react_preamble, script, stylesheet

HOSTILE = "\"'></script><script>alert(1)</script>&"


@pytest.mark.parametrize("make", [script, stylesheet, module_preload, react_preamble])
def test_nothing_that_is_put_into_a_tag_leaves_it(make):
    """Names come from a manifest, which is written by what is installed beside Vite."""
    harmless, hostile = make("/x", "n"), make(HOSTILE, HOSTILE)

    assert harmless.count("<") == hostile.count("<")
    assert harmless.count("</script") == hostile.count("</script")
    assert harmless.count("nonce=") == hostile.count("nonce=") == 1


def test_a_tag_without_nonce_has_no_such_attribute():
    """An empty nonce would be one that no policy allows."""

    assert ['<script type="module" src="/x"></script>', '<link rel="stylesheet" href="/x">'] == [
        script("/x"),
        stylesheet("/x"),
    ]
    assert '<link rel="modulepreload" href="/x">' == module_preload("/x")


def test_vites_scripts_find_the_nonce():
    """What they add to a page gets it from this tag."""

    assert '<meta property="csp-nonce" nonce="n">' == nonce_meta("n")


def test_templates_take_it_for_html():
    """It is not escaped again, and cutting a piece out makes text of it."""
    tag = Markup(script("/x"))

    assert tag == escape(tag)
    assert "&lt;script" == str(escape(tag[:7]))
