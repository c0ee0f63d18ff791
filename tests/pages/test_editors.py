"""Links into editors."""

from __future__ import annotations

import pytest

from costrel.pages.editors import editor_link


@pytest.mark.parametrize(
    ("path", "editor", "expected"),
    [
        pytest.param("/srv/shop.py", None, "vscode://file/srv/shop.py:41", id="default"),
        pytest.param("/srv/shop.py", "", "vscode://file/srv/shop.py:41", id="empty-is-the-default"),
        pytest.param("/srv/a b%#ä.py", "vscode", "vscode://file/srv/a%20b%25%23%C3%A4.py:41", id="path-is-encoded"),
        pytest.param("/srv/shop.py", "pycharm", "pycharm://open?file=/srv/shop.py&line=41", id="by-name"),
        pytest.param("/srv/shop.py", "my://x?{path}@{line}", "my://x?/srv/shop.py@41", id="own-url"),
        pytest.param("/srv/shop.py", "none", "", id="none"),
        pytest.param("<template>", None, "", id="no-file"),
        pytest.param("shop.py", None, "", id="relative"),
        pytest.param("/srv/shop.py", "javascript:alert('{path}')", "", id="a-script-is-no-editor"),
        pytest.param("/srv/shop.py", " JavaScript:x{path}", "", id="a-hidden-script-neither"),
    ],
)
def test_a_link_opens_the_line(path: str, editor: str | None, expected: str) -> None:
    """Known editors go by name, others by a URL of their own; what is no file has no link."""

    assert expected == editor_link(path, 41, editor)
