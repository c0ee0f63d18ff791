"""The application of a process that the test has started; which one its environment says."""

from __future__ import annotations

import os
from pathlib import Path

from costrel import App
from transports.answering import make_answering
from transports.colours import make_colours
from transports.ears import Tell, tell_events, tell_over
from transports.lasting import make_lasting
from transports.talking import make_talking

KIND_VARIABLE = "COSTREL_TESTED_KIND"
FOLDER_VARIABLE = "COSTREL_TESTED_FOLDER"
EARS_VARIABLE = "COSTREL_TESTED_EARS"


def make_app(kind: str, folder: Path, tell: Tell) -> App:
    """Make one of the applications: `answering`, `talking`, `lasting` or `colours`."""
    if kind == "answering":
        return tell_events(make_answering(folder), tell)
    if kind == "talking":
        return make_talking(tell)
    return make_lasting(tell) if kind == "lasting" else make_colours()


def served_app() -> App:
    """Make the application that the environment names."""
    folder, ears = Path(os.environ[FOLDER_VARIABLE]), os.environ[EARS_VARIABLE]
    return make_app(os.environ[KIND_VARIABLE], folder, tell_over(ears))
