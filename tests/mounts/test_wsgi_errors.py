"""`wsgi.errors` as lines in the log."""

from __future__ import annotations

import io
import logging
import sys
import threading
import traceback

import pytest

from costrel.mounts.wsgi_errors import MountErrors


def test_lines_are_logged_under_the_mount(caplog: pytest.LogCaptureFixture) -> None:
    """Each line is one record of a logger below ``costrel.mount``, however it was written in pieces."""
    errors = MountErrors("old")

    errors.write("one")
    errors.write(" line\n")
    errors.writelines(["two\n", "three\nfour\n"])

    assert [
        ("costrel.mount.old", logging.ERROR, text) for text in ("one line", "two", "three\nfour")
    ] == caplog.record_tuples


def test_mount_without_a_name(caplog: pytest.LogCaptureFixture) -> None:
    """Without a name it is the logger of all mounts."""
    MountErrors("").write("x\n")

    assert ["costrel.mount"] == [record.name for record in caplog.records]


def test_flush_shows_what_waits(caplog: pytest.LogCaptureFixture) -> None:
    """What has no line end is logged by `flush`; nothing is logged twice, and empty lines never."""
    errors = MountErrors("old")

    errors.write("no end")
    before = len(caplog.records)
    errors.flush()
    errors.flush()
    errors.write("\n\n")

    assert (0, ["no end"]) == (before, caplog.messages)


def test_text_without_line_ends_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """A line that never ends is not collected for ever."""
    errors = MountErrors("old")

    for _ in range(70):
        errors.write("x" * 1024)

    assert 1 == len(caplog.records)


def test_traceback_printed_to_it(caplog: pytest.LogCaptureFixture) -> None:
    """`traceback.print_exc` takes it for a file."""
    try:
        raise ValueError("broken")
    except ValueError:
        traceback.print_exc(file=MountErrors("old"))

    assert "ValueError: broken" in caplog.text


def test_log_that_leads_back_to_it_ends_at_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that writes to `wsgi.errors` and stands at the root does not go round in circles."""
    errors = MountErrors("round")
    stderr = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stderr)
    handler = logging.StreamHandler(errors)
    logger = logging.getLogger("costrel.mount.round")
    logger.addHandler(handler)
    try:
        errors.write("once\n")
    finally:
        logger.removeHandler(handler)

    assert "once\n" == stderr.getvalue()


def test_threads_do_not_mix_their_lines(caplog: pytest.LogCaptureFixture) -> None:
    """A line that one thread has begun is not ended by another."""
    errors = MountErrors("old")
    errors.write("mine ")
    thread = threading.Thread(target=errors.write, args=("yours\n",))
    thread.start()
    thread.join(5)
    errors.write("too\n")

    assert ["yours", "mine too"] == caplog.messages
