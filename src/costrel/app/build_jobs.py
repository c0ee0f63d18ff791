"""The part of the build that makes a `ScheduledJob` out of each registration, or says what is wrong with it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from math import isfinite

from costrel.app.build_state import BuildState
from costrel.app.job_calls import JobCall, compile_call
from costrel.app.job_definition import JobDefinition
from costrel.app.scopes import Scope
from costrel.errors import ConfigurationError, Mistake
from costrel.scheduling import Cron, Interval, ScheduledJob, Timing, wrong_option

__all__ = ["add_jobs"]

_ONCE = ("process", "host", "cluster")


def add_jobs(state: BuildState, scope: Scope) -> None:
    """Compile the jobs that were registered on one app or blueprint."""
    for definition in scope.group.recorded.jobs:
        job = _job(state, scope, definition)
        if job is not None:
            known = state.jobs.setdefault(job.name, job)
            if known is not job:
                state.mistakes.append(_name_taken(job, known))


def _job(state: BuildState, scope: Scope, definition: JobDefinition) -> ScheduledJob | None:
    options, name, where = definition.options, scope.full_name(definition.name), definition.where
    mistake = _wrong_handler(definition, name)
    if mistake is not None:
        state.mistakes.append(mistake)
        return None
    timing = _timing(state, definition, name)
    mistakes = list(_wrong_options(definition, name, timing))
    table = state.providers_of(scope)
    dispatch, wrong_parameters = compile_call(definition.handler, name, where, table, scope, state.given.settings)
    state.mistakes += [*mistakes, *wrong_parameters]
    if dispatch is None or timing is None or mistakes:
        return None
    timeout_seconds = options.get("timeout_seconds")
    return ScheduledJob(
        name=name,
        timing=timing,
        call=JobCall(state.given.app, name, dispatch, state.given.running, timeout_seconds),
        emit=state.given.app.emit,
        where=where,
        once=options.get("once", "host"),
        store=options.get("store"),
        timeout_seconds=timeout_seconds,
        jitter_seconds=options.get("jitter_seconds", 0.0),
        overlap=options.get("overlap", False),
        on_start=options.get("on_start", False),
    )


def _timing(state: BuildState, definition: JobDefinition, name: str) -> Timing | None:
    try:
        if definition.timezone is not None:
            return Cron(str(definition.time), definition.timezone, where=definition.where)
        return Interval(definition.time)
    except ConfigurationError as error:
        state.mistakes.append(error.mistake)
    except ValueError as error:
        fix = '@app.every("5m")     also "30s", "1h30m", "7d", or seconds as a number'
        why = f"{str(error).capitalize()}."
        state.mistakes.append(wrong_option(name, "every", definition.time, why, fix, definition.where))
    return None


def _wrong_options(definition: JobDefinition, name: str, timing: Timing | None) -> Iterator[Mistake]:
    options, where = definition.options, definition.where
    once, store = options.get("once", "host"), options.get("store")
    if once not in _ONCE:
        yield wrong_option(name, "once", once, f"It is one of {', '.join(_ONCE)}.", 'once="host"', where)
    if once == "cluster" and store is None:
        why = "The processes of several hosts have nothing in common to agree by."
        yield wrong_option(name, "once", once, why, 'once="cluster", store=open_store("redis://localhost/0")', where)
    if once == "process" and store is not None:
        why = "Each process makes its own runs, so there is nothing to agree about."
        yield wrong_option(name, "store", store, why, 'Leave it away, or write once="host".', where)
    timeout_seconds = options.get("timeout_seconds")
    if timeout_seconds is not None and not _is_time(timeout_seconds, above=0.0):
        yield wrong_option(name, "timeout_seconds", timeout_seconds, "It is above 0.", "timeout_seconds=60", where)
    jitter_seconds = options.get("jitter_seconds", 0.0)
    if not (jitter_seconds == 0 or _is_time(jitter_seconds, above=0.0)):
        yield wrong_option(name, "jitter_seconds", jitter_seconds, "It is 0 or more.", "jitter_seconds=10", where)
    elif isinstance(timing, Interval) and jitter_seconds >= timing.next_after(0.0):
        why = "It is shorter than the interval, or runs would be left out by chance."
        yield wrong_option(name, "jitter_seconds", jitter_seconds, why, "jitter_seconds=10", where)


def _is_time(value: object, *, above: float) -> bool:
    return isinstance(value, int | float) and isfinite(value) and value > above


def _wrong_handler(definition: JobDefinition, name: str) -> Mistake | None:
    handler = definition.handler
    if not callable(handler) or inspect.isclass(handler):
        what = f"The scheduled job `{name}` is {'a class' if inspect.isclass(handler) else repr(handler)[:200]}."
    elif inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        what = f"The scheduled job `{name}` is a generator."
    else:
        return None
    return Mistake(
        "COS-SCHEDULE-005",
        what,
        definition.where,
        why="A job is a function, `def` or `async def`, that does its work and returns.",
        fix="async def clean(database: Database) -> None:\n    …",
    )


def _name_taken(job: ScheduledJob, known: ScheduledJob) -> Mistake:
    return Mistake(
        "COS-SCHEDULE-007",
        f"Two scheduled jobs have the name `{job.name}`.",
        where=f"{known.where} and {job.where}",
        why="Workers agree by the name on who makes a run, so one of the two would never be run.",
        fix=f'Name one of them:  @app.every(…, name="{job.name}_2")',
    )
