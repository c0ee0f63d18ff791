"""The stages of a request: what the load would send, and the table of what they add."""

from __future__ import annotations

import httptools
import pytest
from harness.cases import CASES
from harness.record import Machine, Profile
from harness.stage_table import about_stages, stage_table
from harness.stages import wire_bytes


class Heard:
    """What a parser has read."""

    def __init__(self) -> None:
        self.target = self.body = b""
        self.fields: dict[bytes, bytes] = {}
        self.is_complete = False

    def on_url(self, target: bytes) -> None:
        """Keep the target."""
        self.target = target

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field."""
        self.fields[name] = value

    def on_body(self, data: bytes) -> None:
        """Keep the body."""
        self.body += data

    def on_message_complete(self) -> None:
        """Note the end."""
        self.is_complete = True


@pytest.mark.parametrize("name", CASES)
def test_the_bytes_are_the_request_of_the_case(name: str) -> None:
    """Target, fields and body are those that the load sends."""
    case = CASES[name]
    for data in wire_bytes(case):
        heard = Heard()
        httptools.HttpRequestParser(heard).feed_data(data)

        assert (case.path.encode(), case.body, True) == (heard.target, heard.body, heard.is_complete)
        assert {name.encode() for name, _ in case.fields} <= heard.fields.keys()


@pytest.fixture
def profile() -> Profile:
    """Make a profile of one case."""
    stages = {"text": {"read": [1.0, 1.2, 1.1], "whole": [5.0, 5.4, 5.2]}}
    machine = Machine("a processor", 2, 4.0, "Linux")
    return Profile("2026-01-31", "3.11.7", machine, stages, {"text": [12.0]}, {"text": [7.0]})


def test_the_rest_is_the_loop_and_the_kernel(profile: Profile) -> None:
    """What the server uses under load beyond what its process does."""
    lines = stage_table(profile).splitlines()

    assert "| CPU µs | `text` |" == lines[0]
    assert "| read and parse | 1.10 |" in lines
    assert ["| loop and kernel | 6.80 |", "| **under load** | **12.0** |"] == lines[-3:-1]


def test_without_load_the_kernel_is_left_out(profile: Profile) -> None:
    """What was not measured is not shown."""
    profile.ours, profile.floor = {}, {}

    assert "| **in the process** | **5.20** |" == stage_table(profile).splitlines()[-1]


def test_the_spread_of_the_rounds_is_told(profile: Profile) -> None:
    """The least and the greatest of the whole."""
    assert about_stages(profile).endswith(
        "median of 3 rounds. Least and greatest round in the process: `text` 5.00 – 5.40."
    )
