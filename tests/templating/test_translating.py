"""Texts in the language of the request."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.templating.conftest import MakeSite

from costrel.app import App
from costrel.errors import OutsideRequest, ProgrammerError
from costrel.templating import (
    Locales,
    current_locale,
    gettext,
    lazy_gettext,
    ngettext,
    npgettext,
    pgettext,
    render_string,
    set_locale,
)

FRENCH = """
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals=2; plural=(n > 1);\\n"

msgid "Hello"
msgstr "Bonjour <b>à tous</b>"

msgid "Hello %(name)s"
msgstr "Bonjour %(name)s"

msgid "%(num)s note"
msgid_plural "%(num)s notes"
msgstr[0] "%(num)s billet"
msgstr[1] "%(num)s billets"

msgid "100 % sure"
msgstr "sûr à 100 %"

msgctxt "month"
msgid "May"
msgstr "mai"

msgctxt "month"
msgid "%(num)s May"
msgid_plural "%(num)s Mays"
msgstr[0] "%(num)s mai"
msgstr[1] "%(num)s mais"
"""


@pytest.fixture
def app(make_site: MakeSite) -> App:
    app = make_site({"translations/fr/LC_MESSAGES/messages.po": FRENCH})
    app.install(Locales(["en", "fr"]))
    return app


@pytest.mark.capability("C107")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("{{ _('Hello') }}", "Bonjour &lt;b&gt;à tous&lt;/b&gt;", id="a-call-is-escaped"),
        pytest.param("{% trans %}Hello{% endtrans %}", "Bonjour <b>à tous</b>", id="a-block-is-markup"),
        pytest.param("{{ gettext('Hello %(name)s', name=x) }}", "Bonjour &lt;x&gt;", id="a-variable-of-a-call"),
        pytest.param(
            "{% trans name=x %}Hello {{ name }}{% endtrans %}", "Bonjour &lt;x&gt;", id="a-variable-of-a-block"
        ),
        pytest.param("{{ ngettext('%(num)s note', '%(num)s notes', 0) }}", "0 billet", id="french-has-one-nothing"),
        pytest.param("{{ ngettext('%(num)s note', '%(num)s notes', 2) }}", "2 billets", id="plural"),
        pytest.param(
            "{% trans num=3 %}{{ num }} note{% pluralize %}{{ num }} notes{% endtrans %}",
            "3 billets",
            id="plural-block",
        ),
        pytest.param("{{ _('100 % sure') }}", "sûr à 100 %", id="a-percent-sign"),
        pytest.param("{{ pgettext('month', 'May') }} {{ _('May') }}", "mai May", id="a-context"),
        pytest.param("{{ npgettext('month', '%(num)s May', '%(num)s Mays', 2) }}", "2 mais", id="plural-in-a-context"),
        pytest.param("{{ _('Not <translated>') }}", "Not &lt;translated&gt;", id="nothing-found"),
        pytest.param("{{ _(x) }}", "&lt;x&gt;", id="a-text-of-a-client"),
        pytest.param(
            "{% trans name=x, a=_('Hello') %}{{ name }}{{ a }}{% endtrans %}",
            "&lt;x&gt;Bonjour &lt;b&gt;à tous&lt;/b&gt;",
            id="calls-inside",
        ),
        pytest.param("{{ locale() }}", "fr", id="the-language"),
    ],
)
def test_templates_are_translated_and_stay_escaped(app: App, source: str, expected: str) -> None:
    """What is called is a value; only the text of a block is markup."""
    app.build()
    with app.test_request_context("/", headers={"accept-language": "fr"}):
        assert expected == render_string(source, x="<x>")


def test_python_is_translated(app: App) -> None:
    """The same functions, for messages and mails; a lazy text waits until it is shown."""
    lazy = lazy_gettext("Hello %(name)s", name="Ada")
    app.build()
    with app.test_request_context("/", headers={"accept-language": "fr"}):
        french = gettext("Hello %(name)s", name="Ada"), str(lazy), f"{lazy}", current_locale()
    with app.test_request_context("/", headers={"accept-language": "en"}):
        english = gettext("Hello %(name)s", name="Ada"), str(lazy), f"{lazy}", current_locale()

    assert ("Bonjour Ada", "Bonjour Ada", "Bonjour Ada", "fr") == french
    assert ("Hello Ada", "Hello Ada", "Hello Ada", "en") == english
    assert "LazyText('Hello %(name)s')" == repr(lazy)


@pytest.mark.security("L1")
@pytest.mark.filterwarnings("ignore:Plural value must be an integer:DeprecationWarning")
def test_a_number_of_a_client_is_escaped(make_site: MakeSite) -> None:
    """A block fills in its variables itself, also the one that it counts by."""
    app = make_site()
    app.build()
    with app.test_request_context("/"):
        source = "{% trans num=x %}{{ num }} a 5%{% pluralize %}{{ num }} b 5%{% endtrans %}"

        assert "&lt;x&gt; b 5%" == render_string(source, x="<x>")


def test_without_languages_each_text_stands_for_itself(make_site: MakeSite) -> None:
    """Pages that are ready for translation work before there is one, and code outside a request too."""
    app = make_site()
    app.build()
    with app.test_request_context("/"):
        page = render_string("{% trans %}a <b>{% endtrans %}{{ _('%(n)s%%', n=1) }}{{ ngettext('one', 'more', 2) }}")

    assert "a <b>1%more" == page
    assert ("a", "one", "b") == (gettext("a"), ngettext("one", "more", 1), pgettext("x", "b"))
    assert "2 c" == npgettext("x", "%(num)s b", "%(num)s c", 2)


def test_a_language_is_asked_of_an_application_that_has_some(make_site: MakeSite) -> None:
    """The mistake says what to install, or that there is no request."""
    app = make_site()
    with pytest.raises(OutsideRequest, match="current_locale"):
        current_locale()
    for call in (current_locale, lambda: set_locale("fr")):
        with app.test_request_context("/"), pytest.raises(ProgrammerError, match="has no languages") as caught:
            call()
        assert "COS-TEMPLATE-009" == caught.value.code


def test_messages_of_a_folder_are_read_at_start(app: App, tmp_path: Path) -> None:
    """A catalog that goes away later changes nothing."""
    app.build()
    (tmp_path / "translations/fr/LC_MESSAGES/messages.po").unlink()
    with app.test_request_context("/", headers={"accept-language": "fr"}):
        assert "Bonjour Ada" == gettext("Hello %(name)s", name="Ada")
