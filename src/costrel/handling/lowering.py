"""From the stages of a plan to segments: stretches of steps that run in one place.

The event loop and the worker threads take turns; each turn is a segment. A step that may run anywhere joins the segment
before it. `emit` writes each segment as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from costrel.handling.plan import Call, Make, Place, Read, Stage

__all__ = ["Segment", "Step", "count_hops", "segments_of", "variables_kept"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a stage: its reads together, one provider, or its call."""

    stage: Stage
    make: Make | None = None
    is_call: bool = False

    @property
    def place(self) -> Place:
        """Where it runs."""
        if self.is_call:
            return self.stage.call.place
        return self.make.place if self.make is not None else Place.ANYWHERE

    @property
    def assigned(self) -> tuple[str, ...]:
        """The variables that it sets for later steps."""
        if self.is_call:
            return ()
        return (self.make.variable,) if self.make is not None else tuple(read.variable for read in self.stage.reads)

    @property
    def used(self) -> frozenset[str]:
        """The variables that it needs."""
        call: Call | None = self.stage.call if self.is_call else self.make.call if self.make is not None else None
        return frozenset(argument.variable for argument in call.arguments) if call is not None else frozenset()


@dataclass(frozen=True, slots=True)
class Segment:
    """Steps that run in one place, one after another."""

    steps: tuple[Step, ...]
    in_thread: bool


def segments_of(stages: Iterable[Stage]) -> tuple[Segment, ...]:
    """Cut stages into segments; the first is on the loop, though it may be empty."""
    segments: list[Segment] = []
    steps: list[Step] = []
    in_thread = False
    for step in _steps_of(stages):
        wants_thread = in_thread if step.place is Place.ANYWHERE else step.place is Place.THREAD
        if wants_thread is not in_thread:
            segments.append(Segment(tuple(steps), in_thread))
            steps = []
            in_thread = wants_thread
        steps.append(step)
    segments.append(Segment(tuple(steps), in_thread))
    return tuple(segments)


def _steps_of(stages: Iterable[Stage]) -> Iterable[Step]:
    for stage in stages:
        if stage.reads:
            yield Step(stage)
        for make in stage.makes:
            yield Step(stage, make)
        yield Step(stage, is_call=True)


def variables_kept(segments: Sequence[Segment], index: int) -> tuple[str, ...]:
    """Return the variables that the segment at `index` sets and a later one needs."""
    needed = {name for segment in segments[index + 1 :] for step in segment.steps for name in step.used}
    return tuple(name for step in segments[index].steps for name in step.assigned if name in needed)


def count_hops(segments: Iterable[Segment]) -> int:
    """Count the thread hops."""
    return sum(segment.in_thread for segment in segments)


def reads_of(segments: Iterable[Segment]) -> Iterable[Read]:
    """Iterate over what is read from the request, in order."""
    for segment in segments:
        for step in segment.steps:
            if step.make is None and not step.is_call:
                yield from step.stage.reads
