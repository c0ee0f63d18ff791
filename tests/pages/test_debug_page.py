"""The page for the developer."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from costrel.errors import MissingSecretKey
from costrel.messages import Request
from costrel.pages.debug_page import make_debug_members, make_debug_page


def raised(call: Callable[[], object]) -> Exception:
    """Return what a call raises."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def fail(error: Exception, password: str = "hunter2") -> None:
    for markup in ("<script>alert(1)</script>",):
        raise error if markup else ValueError(password)


def page_of(request: Request, error: Exception) -> str:
    body = make_debug_page(request, error, 500).body
    assert isinstance(body, bytes)
    return body.decode()


@pytest.mark.pain("P33")
@pytest.mark.capability("C080")
def test_the_page_shows_what_happened(request_of: Callable[..., Request]) -> None:
    """Exception, source, variables and request are there; secrets and markup of values are not."""
    page = page_of(request_of("/orders?q=<b>"), raised(lambda: fail(ValueError("no <order>"))))

    assert "<title>ValueError: no &lt;order&gt;</title>" in page
    assert "<h1>no &lt;order&gt;</h1>" in page
    assert '<span class="line current">' in page
    assert "<th scope=\"row\">markup</th><td>'&lt;script&gt;alert(1)&lt;/script&gt;'</td>" in page
    assert "<th scope=\"row\">password</th><td>'***'</td>" in page
    assert "<th scope=\"row\">q</th><td>'&lt;b&gt;'</td>" in page
    assert "test_debug_page.py" in page


@pytest.mark.security("L7")
def test_the_page_can_do_nothing(request_of: Callable[..., Request]) -> None:
    """No form, no console, no address but the editor's, and a policy that allows its own style and script alone."""
    response = make_debug_page(request_of(), raised(lambda: fail(ValueError("x"))), 500)
    page = page_of(request_of(), raised(lambda: fail(ValueError("x"))))
    targets = set(re.findall(r'(?:href|src|action)="([^"]*)"', page))

    assert {"data:,", "vscode"} == {target.partition("://")[0] for target in targets}
    assert not [tag for tag in ("<form", "<input", "<iframe", "<textarea", "onclick") if tag in page]
    assert ("no-store", "no-referrer", "nosniff") == (
        response.headers["cache-control"],
        response.headers["referrer-policy"],
        response.headers["x-content-type-options"],
    )
    assert "unsafe" not in response.headers["content-security-policy"]
    assert 1 == page.count("<script>")


@pytest.mark.security("CVE-2016-10516")
@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "</pre><img src=x onerror=alert(1)>", '"><svg>']
)
def test_no_text_becomes_markup(request_of: Callable[..., Request], text: str) -> None:
    """Messages, notes, paths and names of exceptions are text, wherever they stand."""
    error = raised(lambda: fail(type(text, (Exception,), {})(text)))
    error.add_note(text)
    page = page_of(request_of("/"), error)

    assert text not in page


def test_the_applications_own_calls_are_open(request_of: Callable[..., Request]) -> None:
    """The last own call is open, the other own calls are closed, and those of others are folded."""
    import json

    page = page_of(request_of(), raised(lambda: json.loads("{")))
    order = re.findall(r'<details class="(call [a-z]+|folded)"( open)?>', page)

    assert ("folded", "") == order[0]
    assert [("call app", " open"), ("call app", "")] == [entry for entry in order if entry[0] == "call app"]
    assert re.search(r"<summary>\d calls in Python</summary>", page)


def test_everything_is_open_on_demand(request_of: Callable[..., Request], monkeypatch: pytest.MonkeyPatch) -> None:
    """``COSTREL_TRACE=full`` unfolds the calls of others; ``COSTREL_EDITOR=none`` leaves out the links."""
    import json

    monkeypatch.setenv("COSTREL_TRACE", "full")
    monkeypatch.setenv("COSTREL_EDITOR", "none")
    page = page_of(request_of(), raised(lambda: json.loads("{")))

    assert '<details class="folded" open>' in page
    assert "Open in editor" not in page


def test_an_error_without_own_calls_shows_its_last(request_of: Callable[..., Request]) -> None:
    """When only others' code is in the traceback, its last call is open; without any there is none."""
    import json

    error = raised(lambda: json.loads("{"))
    while error.__traceback__ and "/json/" not in error.__traceback__.tb_frame.f_code.co_filename:
        error.__traceback__ = error.__traceback__.tb_next

    assert '<details class="call python" open>' in page_of(request_of(), error)
    assert "<details class=" not in page_of(request_of(), ValueError("never raised")).partition("The request")[0]


def test_a_mistake_is_laid_out(request_of: Callable[..., Request]) -> None:
    """An error of Costrel's own shows its code, its reason, and the fix as it was laid out."""
    page = page_of(request_of(), raised(lambda: fail(MissingSecretKey("The session"))))

    assert '<span class="code">COS-APP-010</span>' in page
    assert "<pre>Make a key:        python" in page
    assert "<code>costrel explain COS-APP-010</code>" in page


def test_a_mistake_names_its_place(request_of: Callable[..., Request]) -> None:
    """Where a mistake has a place it is shown."""
    from costrel.errors import ConfigurationError, Mistake

    error = ConfigurationError(Mistake("COS-X-001", "Wrong.", where="shop.py:3", fix="Say `x`."))
    page = page_of(request_of(), raised(lambda: fail(error)))

    assert "At <code>shop.py:3</code>." in page
    assert "<p>Say <code>x</code>.</p>" in page


def test_notes_hints_and_further_lines_help(request_of: Callable[..., Request]) -> None:
    """The first line of a message is the heading; the rest, the notes and the hints stand below."""
    error = raised(lambda: fail(RecursionError("first line\nsecond line")))
    error.add_note("a note")
    page = page_of(request_of(), error)
    help_ = page.partition('<section class="help">')[2].partition("</section>")[0]

    assert ">first line</h1>" in page
    assert "<pre>second line</pre><pre>a note</pre><p>A function calls itself" in help_


def test_what_led_to_it_is_shown(request_of: Callable[..., Request]) -> None:
    """Causes, contexts and members of groups follow, each with its message, notes and calls."""

    def chain() -> None:
        try:
            try:
                fail(KeyError("first"))
            except KeyError as error:
                error.add_note("a note of the first")
                raise ValueError("second") from error
        except ValueError:
            raise ExceptionGroup("third", [TypeError("member"), OSError()])

    page = page_of(request_of(), raised(chain))

    assert "<h2>The exception that was handled at the time</h2>" in page
    assert "<h2>The exception that it was raised from</h2>" in page
    assert "<b>ValueError</b>: second" in page
    assert '<pre class="note">a note of the first</pre>' in page
    assert '<h2>Exception 2 of the group</h2><p class="earlier"><b>OSError</b></p>' in page


def test_repeated_and_left_out_calls_are_counted(request_of: Callable[..., Request]) -> None:
    """Endless recursion is a few lines, with the numbers."""

    def down(n: int) -> None:
        if n:
            down(n - 1)
        raise ValueError("deep")

    def ping(n: int) -> None:
        pong(n)

    def pong(n: int) -> None:
        if not n:
            raise ValueError("deep")
        ping(n - 1)

    assert ", 30 times in a row</span>" in page_of(request_of(), raised(lambda: down(30)))
    assert "more calls are left out here." in page_of(request_of(), raised(lambda: ping(100)))


def test_the_text_can_be_copied(request_of: Callable[..., Request]) -> None:
    """The whole traceback stands on the page as text, with request and route."""
    request = request_of("/orders")
    page = page_of(request, raised(lambda: fail(ValueError("x"))))
    text = page.partition('<pre id="report">')[2].partition("</pre>")[0]

    assert text.startswith("GET /orders\nCostrel ")
    assert "Traceback (most recent call last):" in text
    assert text.endswith("\nValueError: x\n")


def test_a_problem_has_the_same_in_json() -> None:
    """Programs in debug mode get exception, traceback and hints as members, without variables."""
    members = make_debug_members(raised(lambda: fail(RecursionError("deep"))))

    assert "RecursionError: deep" == members["exception"]
    assert isinstance(members["traceback"], list)
    assert "Traceback (most recent call last):" == members["traceback"][0]
    assert "hunter2" not in str(members["traceback"][1:-1]).replace('password: str = "hunter2"', "")
    assert ["A function calls itself without an end, often through a property, `__getattr__` or `__eq__`."] == (
        members["hints"]
    )
    assert "hints" not in make_debug_members(ValueError("x"))
