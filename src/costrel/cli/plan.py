"""What is to be served, and how: the one value that `run`, `dev` and the process below `dev` pass on."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from typing import Self

from costrel.server import ServerSettings

__all__ = ["ServePlan"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServePlan:
    """One application, and how it is served.

    Args:
        app: its import string; `None` is the one that is found in the working directory.
        settings: of the server.
        threads: size of the worker pool when the command line says; `None` leaves it to the application.
        debug: whether this is development.
        reloads: whether a change of a file starts it anew.
        reason: the file whose change led to this start, empty at the first.
        since: `time.monotonic` of that change, 0 at the first start.
    """

    app: str | None = None
    settings: ServerSettings = field(default_factory=ServerSettings)
    threads: int | None = None
    debug: bool = False
    reloads: bool = False
    reason: str = ""
    since: float = 0.0

    def to_json(self) -> str:
        """Return it as text for another process; a secret goes there in the environment, where it came from."""
        values = dataclasses.asdict(self)
        for secret in [one.name for one in dataclasses.fields(ServerSettings) if not one.repr]:
            # SECURITY: the text may stand on a command line, which everybody on the machine can read.
            del values["settings"][secret]
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` wrote, with the secrets of the environment."""
        values = json.loads(text)
        settings = ServerSettings.from_environment(os.environ, **values["settings"])
        return cls(**{**values, "settings": settings})
