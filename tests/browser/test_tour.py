"""The tour in a real browser: every page loads, and what it promises happens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser

PAGES = ["/", "/guestbook", "/visits", "/json", "/threads", "/live", "/chat", "/files", "/errors"]
ONE_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f64540"
    "0000000049454e44ae426082"
)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_without_errors(tour: str, visitor: Any, path: str) -> None:
    """Nothing in the console, and nothing is asked of anybody else."""
    assert visitor.visit(tour + path).status == 200
    visitor.page.wait_for_load_state("load")

    assert ([], []) == (visitor.console_errors, visitor.strangers)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_telephone(tour: str, visitor: Any, path: str) -> None:
    """A narrow page does not scroll sideways."""
    visitor.page.set_viewport_size({"width": 375, "height": 800})
    visitor.visit(tour + path)

    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 375


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_the_marks_that_readers_need(tour: str, visitor: Any, path: str) -> None:
    """One heading of the first level, a language, a main part, and a name for everything that can be used."""
    visitor.visit(tour + path)
    page = visitor.page

    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").count() == 1
    assert page.get_by_role("main").count() == 1
    assert page.get_by_role("navigation", name="Stops of the tour").count() == 1
    for control in page.locator("input:not([type=hidden]), textarea").all():
        assert control.evaluate("element => element.labels.length") == 1
    for button in page.locator("button").all():
        assert button.evaluate("element => element.textContent.trim()")
    for image in page.locator("img").all():
        assert image.get_attribute("alt") is not None


def test_the_tour_can_be_walked_with_the_keyboard(tour: str, visitor: Any) -> None:
    """The first Tab offers to skip the navigation, and Enter follows a link."""
    visitor.visit(tour + "/threads")
    page = visitor.page
    page.keyboard.press("Tab")

    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"

    page.get_by_role("link", name="Session").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/visits")

    assert page.locator("[aria-current=page]").text_content() == "Session"


def test_a_form_with_an_upload_comes_back_as_an_entry(tour: str, visitor: Any, tmp_path: Path) -> None:
    """What was written and uploaded is shown, and the picture is the one that was sent."""
    picture = tmp_path / "dot.png"
    picture.write_bytes(ONE_PIXEL)
    visitor.visit(tour + "/guestbook")
    page = visitor.page
    page.get_by_label("Name").fill("Ann & Bo")
    page.get_by_label("Message").fill("<b>We were here</b>")
    page.get_by_label("Picture").set_input_files(picture)
    page.get_by_role("button", name="Sign").click()
    page.wait_for_url("**/guestbook")

    assert page.get_by_role("status").text_content() == "Thank you, Ann & Bo."
    entry = page.locator(".entries li", has_text="Ann & Bo").first
    assert "<b>We were here</b>" in (entry.text_content() or "")
    shown = entry.locator("img")
    assert shown.evaluate("image => image.complete && image.naturalWidth") == 1
    assert visitor.page.request.get(tour + (shown.get_attribute("src") or "")).body() == ONE_PIXEL
    assert [] == visitor.console_errors


@pytest.mark.capability("C087")
def test_a_flashed_message_is_shown_once(tour: str, visitor: Any) -> None:
    """The page after the form has it, a reload has it no more."""
    visitor.visit(tour + "/visits")
    visitor.page.get_by_role("button", name="Forget me").click()
    status = visitor.page.get_by_role("status")
    status.wait_for()

    assert "Forgotten" in (status.text_content() or "")

    visitor.page.reload()

    assert visitor.page.get_by_role("status").count() == 0


def test_a_wrong_form_says_what_is_wrong_at_its_field(tour: str, visitor: Any) -> None:
    """What was typed stays, and each wrong field is marked and described."""
    visitor.visit(tour + "/guestbook")
    page = visitor.page
    page.get_by_label("Message").fill("x")
    page.get_by_role("button", name="Sign").click()
    page.get_by_role("alert").wait_for()

    name, message = page.locator("[name=name]"), page.locator("[name=message]")
    assert (name.get_attribute("aria-invalid"), message.get_attribute("aria-invalid")) == ("true", "true")
    assert message.input_value() == "x"
    described = page.locator(f"#{message.get_attribute('aria-describedby')}").text_content() or ""
    assert "3 to 400 characters" in described


def test_an_entry_of_a_handler_that_crashes_is_not_kept(tour: str, visitor: Any) -> None:
    """The provider rolls back: the page of the error says nothing, and the entry is not there."""
    visitor.visit(tour + "/guestbook")
    page = visitor.page
    page.get_by_label("Name").fill("Nobody")
    page.get_by_label("Message").fill("Never written")
    page.get_by_label("Crash").check()
    with page.expect_navigation() as navigation:
        page.get_by_role("button", name="Sign").click()

    assert navigation.value.status == 500
    visitor.visit(tour + "/guestbook")
    assert page.get_by_text("Never written").count() == 0


def test_a_session_survives_and_belongs_to_one_visitor(tour: str, visitor: Any, other_visitor: Any) -> None:
    """The count goes up for who comes again, and starts anew for somebody else."""
    counts = []
    for _ in range(3):
        visitor.visit(tour + "/visits")
        counts.append(visitor.page.locator("#visits").text_content())
    other_visitor.visit(tour + "/visits")

    assert counts == ["1", "2", "3"]
    assert other_visitor.page.locator("#visits").text_content() == "1"
    cookie = visitor.page.context.cookies()[0]
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == ("session", True, "Lax")


def test_events_reach_every_open_page(tour: str, visitor: Any, other_visitor: Any) -> None:
    """A clap in one window is seen in the other."""
    for person in (visitor, other_visitor):
        person.visit(tour + "/live")
        person.page.get_by_text("Connected.").wait_for()
    before = int(other_visitor.page.locator("#claps").text_content())
    visitor.page.get_by_role("button", name="Clap").click()
    other_visitor.page.wait_for_function(f"document.querySelector('#claps').textContent === '{before + 1}'")

    assert [] == other_visitor.console_errors


def test_a_streamed_response_arrives_line_by_line(tour: str, visitor: Any) -> None:
    """The first line is there long before the last."""
    visitor.visit(tour + "/live")
    page = visitor.page
    page.get_by_role("button", name="Start").click()
    page.wait_for_function("document.querySelector('#lines').textContent.includes('line 1 of 10')")

    assert "line 10 of 10" not in (page.locator("#lines").text_content() or "")
    page.wait_for_function("document.querySelector('#lines').textContent.includes('line 10 of 10')")


@pytest.mark.parametrize(
    ("button", "status", "words"),
    [
        pytest.param("An order", 201, ['"item": "tea"'], id="an-order-is-created"),
        pytest.param("Three mistakes", 422, ["$.item", "$.quantity", "$.tags[0]"], id="every-mistake-is-listed"),
        pytest.param("Broken JSON", 400, ["application/problem+json"], id="malformed-json-is-a-bad-request"),
        pytest.param("A wrong method", 405, ["allow: "], id="a-wrong-method-names-those-that-work"),
    ],
)
def test_the_json_page_shows_the_answer(tour: str, visitor: Any, button: str, status: int, words: list[str]) -> None:
    """A press of a button sends the request, and the page shows what came back."""
    visitor.visit(tour + "/json")
    visitor.page.get_by_role("button", name=button).click()
    answer = visitor.page.locator("#answer", has_text=re.compile(rf"\n{status} "))
    answer.wait_for()

    assert [] == [word for word in words if word not in (answer.text_content() or "")]


def test_ranges_of_a_file(tour: str, visitor: Any) -> None:
    """A browser gets the part that it asks for."""
    visitor.visit(tour + "/files")
    visitor.page.get_by_role("button", name="The first 60 bytes").click()
    answer = visitor.page.locator("#answer", has_text="206")
    answer.wait_for()

    assert "content-range: bytes 0-59/1200000" in (answer.text_content() or "")


def test_handlers_of_both_kinds_say_where_they_ran(tour: str, visitor: Any) -> None:
    """A `def` runs in threads, an `async def` on the loop's."""
    visitor.visit(tour + "/threads")
    names = {}
    for kind in ("async def", "def"):
        visitor.page.get_by_role("button", name=f"Six times {kind}", exact=True).click()
        visitor.page.locator("#race-title", has_text=f"Six times {kind}: ").wait_for()
        names[kind] = set(visitor.page.locator("#race td:nth-child(2)").all_text_contents())

    assert names["async def"] == {"MainThread"}
    assert "MainThread" not in names["def"]
    assert len(names["def"]) > 1


@pytest.mark.parametrize("server", ["tour", "uvicorn_tour"])
def test_two_visitors_chat(server: str, request: pytest.FixtureRequest, visitor: Any, other_visitor: Any) -> None:
    """What one visitor says, the other reads, on our own server and on another one."""
    address = request.getfixturevalue(server)
    for person, name in ((visitor, "Ann"), (other_visitor, "Bo")):
        person.visit(address + "/chat")
        person.page.get_by_label("Your name").fill(name)
        person.page.get_by_role("button", name="Come in").click()
        person.page.locator("#room", has_text=f"{name} came in").wait_for()
    visitor.page.get_by_label("Message").fill("hello")
    visitor.page.get_by_role("button", name="Send").click()
    other_visitor.page.locator("#room", has_text="Ann: hello").wait_for()

    assert ([], []) == (visitor.console_errors, other_visitor.console_errors)
