"""What is asked: its size, and what the load makes of it."""

from __future__ import annotations

import json

import pytest
from harness.cases import BROWSER_FIELDS, CASES, ORDER
from harness.load import VARIANTS, script_of
from harness.stages import wire_bytes


def test_the_order_has_a_kibibyte() -> None:
    """The case promises 1 KiB of JSON, and it is what is sent."""
    assert 1024 == len(CASES["typed"].body)
    assert json.loads(CASES["typed"].body) == ORDER


def test_the_refused_order_differs_in_one_type() -> None:
    """It is well-formed JSON, so only validation can refuse it."""
    refused = json.loads(CASES["typed"].refused)

    assert ORDER.keys() == refused.keys()
    assert "many" == refused["items"][0]["quantity"]


def test_a_browser_sends_twelve_fields() -> None:
    """Eleven of the case, and Host."""
    assert 11 == len({name.lower() for name, _ in BROWSER_FIELDS} - {"host"})


@pytest.mark.parametrize("name", CASES)
def test_the_script_says_what_the_case_says(name: str) -> None:
    """Method, fields and body stand in it as they are."""
    case = CASES[name]
    script = script_of(case)
    wanted = [case.method, case.body.decode(), *(text for field in case.fields for text in field)]

    assert [] == [text for text in wanted if f"[==[{text}]==]" not in script and text]
    assert case.varies == ("request = function" in script)


def test_varied_requests_differ_in_one_field() -> None:
    """So many as the load sends, none like another, all of one length."""
    requests = wire_bytes(CASES["changing"])
    lines = [set(request.split(b"\r\n")) for request in requests]

    assert VARIANTS == len(set(requests))
    assert {len(requests[0])} == set(map(len, requests))
    assert {1} == {len(each - lines[0]) for each in lines[1:]}
