"""What the applications with layers have in common: the rows of the answer, and what their layers are told."""

from __future__ import annotations

__all__ = ["KEY", "LIMIT", "MINIMUM_BYTES", "ORIGIN", "ROWS"]

ORIGIN = "https://app.example.com"
KEY = "a key of thirty-two characters.."
LIMIT = "100000000/minute"
MINIMUM_BYTES = 500
ROWS = [{"id": number, "name": f"a name {number}", "paid": number % 2 == 0, "total": 9.75} for number in range(11)]
"""With the user, about 600 bytes of compact JSON."""
