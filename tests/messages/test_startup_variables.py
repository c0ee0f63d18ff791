"""What a start has set in context variables."""

from __future__ import annotations

from contextvars import ContextVar, copy_context

from costrel.messages.startup_variables import StartupVariables

kept: ContextVar[str] = ContextVar("kept")
changed: ContextVar[list[int]] = ContextVar("changed")
added: ContextVar[str | None] = ContextVar("added")


def test_what_was_changed_or_added_is_set_and_nothing_else() -> None:
    """An equal value that is another object is a change; a variable that was left alone is not touched."""

    def start() -> StartupVariables:
        kept.set("before")
        changed.set([1])
        before = copy_context()
        changed.set([1])
        added.set(None)
        return StartupVariables(before, copy_context())

    def enter() -> list[object]:
        kept.set("of the server")
        variables.set()
        return [kept.get(), changed.get(), added.get("missing")]

    context = copy_context()
    variables = context.run(start)

    assert ["of the server", [1], None] == copy_context().run(enter)
    assert context[changed] is copy_context().run(lambda: (variables.set(), changed.get())[1])


def test_a_start_that_sets_nothing_sets_nothing() -> None:
    """The same context twice has no difference."""
    context = copy_context()
    StartupVariables(context, context).set()

    assert "unset" == kept.get("unset")
