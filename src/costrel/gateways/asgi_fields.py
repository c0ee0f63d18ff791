"""Which header fields of an ASGI server are let in, decided once for what most requests have in common.

The names of fields and the hosts that clients ask for are few. `KnownFields` keeps those that were looked at and found
right, so that a usual request needs two questions; anything else is looked at line by line.
"""

from __future__ import annotations

from costrel.gateways.asgi_exchange import FieldLine
from costrel.http import is_valid_authority

__all__ = ["KnownFields"]

_MAX_KEPT = 1000


class KnownFields:
    """What was found right; at most a thousand of each, so that no client fills the memory.

    Attributes:
        hosts: values of the Host field, and `None` for none.
        names: of fields.
    """

    __slots__ = ("hosts", "names")

    def __init__(self) -> None:
        self.hosts: set[bytes | None] = {None}  # HTTP/1.0 needs none, and whether one is missing the server has seen
        self.names: set[bytes] = set()

    def check(self, lines: list[FieldLine]) -> list[FieldLine]:
        """Look at every line, and return those that are let in.

        SECURITY: in an environment of CGI's shape ``X_User`` and ``X-User`` are one name, so no underscore is let in.

        Raises:
            ValueError: a value of the Host field is no host; answer 400.
        """
        allowed = []
        for line in lines:
            name, value = line
            if name == b"host" and value not in self.hosts:
                if not is_valid_authority(value):
                    raise ValueError("the Host field is not a host with an optional port")
                if len(self.hosts) < _MAX_KEPT:
                    self.hosts.add(value)
            if b"_" not in name:
                allowed.append(line)
                if len(self.names) < _MAX_KEPT:
                    self.names.add(name)
        return allowed
