"""What a scheduled job may be given besides its time and its handler; the same for apps, blueprints and extensions."""

from __future__ import annotations

from typing import Literal, TypedDict

from costrel.messages.store import Store

__all__ = ["ScheduleOptions"]


class ScheduleOptions(TypedDict, total=False):
    """What ``every`` and ``cron`` take after the time; all of it is optional.

    Keys:
        name: in logs and in `App.scheduled`; the function's name unless given. Blueprints put theirs before it.
        once: whether each run is made once in every ``process``, once on each ``host`` (unless given), or once in the
            ``cluster`` of all processes that have the same `store`.
        store: what these processes share; a folder of the user on this host unless given. ``cluster`` needs one.
        timeout_seconds: how long a run may take; as long as it likes unless given.
        jitter_seconds: at most how long after its moment a run begins, each time by chance; 0 unless given.
        overlap: whether a run may begin while another one goes on; no unless given.
        on_start: whether the run that was due last is made when the application starts, if nobody has made it.
    """

    name: str
    once: Literal["process", "host", "cluster"]
    store: Store
    timeout_seconds: float
    jitter_seconds: float
    overlap: bool
    on_start: bool
