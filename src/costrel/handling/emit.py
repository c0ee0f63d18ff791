"""Writing the endpoint of a plan as one readable module of Python.

Depending on what the plan needs there are one to five functions. A handler without providers that end, hooks after it
and the like is a single function; with them `…_steps` runs up to the response, `…_core` ends what was entered and
converts errors, `…_after_n` are the hooks after the handler and `…_teardown` those at the end of the exchange.

A frame that converts an exception never holds the response that was made of it, so there are no reference cycles.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from inspect import isawaitable

from costrel.errors import Pass, ValidationFailed
from costrel.execution import RunProfile, hop
from costrel.handling.bodies import check_form_type
from costrel.handling.emit_steps import Text, Writer
from costrel.handling.endpoint import Convert, Mode, RouteSpec
from costrel.handling.finishing import is_finished, start_here, start_stream
from costrel.handling.guard import Guard, watched_hop
from costrel.handling.lowering import Segment, Step, count_hops, segments_of, variables_kept
from costrel.handling.markers import UNSET
from costrel.handling.mistakes import pass_refused
from costrel.handling.naming import Names
from costrel.handling.plan import Place, Plan, Stage
from costrel.handling.scope import Scope, log_failure
from costrel.handling.signature import Colour
from costrel.messages import Request, Response

__all__ = ["Emitted", "emit"]

Respond = Callable[[object], Response]

_FIRST_LANE = "request.exchange.loop_state.handlers"
_LATER_LANE = "request.exchange.loop_state.lane_for(request.worker)"
_EXIT_LANE = "request.exchange.loop_state.cleanup"


@dataclass(frozen=True, slots=True)
class Emitted:
    """The generated text with everything it refers to.

    Args:
        text: the source of the module.
        namespace: its globals.
        entry: the name of the function that is the endpoint.
        mode: where the handler runs.
        hops: thread hops of a request that succeeds.
    """

    text: str
    namespace: dict[str, object]
    entry: str
    mode: Mode
    hops: int


def emit(
    plan: Plan, spec: RouteSpec, respond: Respond, respond_hook: Respond, switch: Callable[..., Response]
) -> Emitted:
    """Write the endpoint of a plan.

    Args:
        plan: what it does.
        spec: the route it is for.
        respond: makes the response of the handler's value.
        respond_hook: makes the response of a hook's value.
        switch: makes the response that accepts a WebSocket.
    """
    return _Emitter(plan, spec, respond, respond_hook, switch).emit()


class _Emitter:
    """Writes one module."""

    def __init__(
        self, plan: Plan, spec: RouteSpec, respond: Respond, respond_hook: Respond, switch: Callable[..., Response]
    ) -> None:
        self.plan = plan
        self.spec = spec
        self.segments = segments_of(plan.core)
        self.has_threads = any(segment.in_thread for segment in self.segments)
        self.needs_scope = bool(
            plan.has_exits or plan.teardown or plan.shared or (plan.after and self.has_threads) or spec.is_websocket
        )
        self.names = _names_of(plan)
        self.text = Text()
        self.namespace: dict[str, object] = {
            "Pass": Pass,
            "Scope": Scope,
            "UNSET": UNSET,
            "ValidationFailed": ValidationFailed,
            "check_form_type": check_form_type,
            "convert": _converting(spec),
            "guard": spec.shared.once(
                lambda: Guard(spec.convert, spec.cancel_on_disconnect), "guard", spec.convert, spec.cancel_on_disconnect
            ),
            "hop": hop,
            "is_finished": is_finished,
            "isawaitable": isawaitable,
            "log_failure": log_failure,
            "profile": RunProfile(),
            "respond": respond,
            "respond_hook": respond_hook,
            "start_here": start_here,
            "start_stream": start_stream,
            "switch": switch,
            "watched_hop": watched_hop,
        }
        self.writer = Writer(self.text, self.names, self.namespace, plan.shared)
        self.entry = self.names.take(plan.name)
        self.after = [self.names.take(f"{plan.name}_after_{index}") for index in range(1, len(plan.after) + 1)]
        self.after_here = [self.names.take(f"{name}_here") for name in self.after]
        self.is_quick_after = [_runs_in_thread(stage) for stage in plan.after]
        self.teardown = self.names.take(f"{plan.name}_teardown")
        self.hops = count_hops(self.segments)

    def emit(self) -> Emitted:
        """Write all functions, the innermost first."""
        if self.needs_scope:
            self._scoped()
        elif self.plan.after:
            self._split()
        else:
            self._single(self.entry)
        return Emitted(str(self.text), self.namespace, self.entry, self._mode(), self.hops)

    def _mode(self) -> Mode:
        handler = self.plan.handler.call
        waits = (
            any(step.place is Place.LOOP for segment in self.segments for step in segment.steps)
            or handler.signature.colour is Colour.ASYNC_GENERATOR
        )
        if self.has_threads:
            return "mixed" if waits else "thread"
        if waits:
            return "async"
        return "thread" if handler.signature.colour is Colour.SYNC_GENERATOR else "inline"

    def _single(self, name: str) -> None:
        """One function does it all; a deadline makes it call itself under guard."""
        with self._function(f"async def {name}(request, guarded=False):"):
            if name == self.entry:
                condition = (
                    "not guarded"
                    if self.spec.cancel_on_disconnect
                    else ("request.deadline_at is not None and not guarded")
                )
                with self.text.block(f"if {condition}:"):
                    self.text.add(f"return await guard(request, {name}, True)")
            with self.text.block("try:"):
                self._steps()
            self._excepts()

    def _split(self) -> None:
        """The core, then hooks that need nothing of it."""
        core = self.names.take(f"{self.plan.name}_core")
        self._single(core)
        for index in range(len(self.plan.after)):
            self._after(index)
        with self._function(f"async def {self.entry}(request):"):
            self._call_core(core, "False", "True")
            for name in self.after:
                self.text.add(f"response = await {name}(request, response)")
            self.text.add("return response")

    def _call_core(self, core: str, plain: str, guarded: str) -> None:
        if self.spec.cancel_on_disconnect:
            self.text.add(f"response = await guard(request, {core}, {guarded})")
            return
        with self.text.block("if request.deadline_at is None:"):
            self.text.add(f"response = await {core}(request, {plain})")
        with self.text.block("else:"):
            self.text.add(f"response = await guard(request, {core}, {guarded})")

    def _scoped(self) -> None:
        """Steps, core, hooks and entry, with a scope for what must be ended."""
        plan, text = self.plan, self.text
        steps = self.names.take(f"{plan.name}_steps")
        core = self.names.take(f"{plan.name}_core")
        for index in range(len(plan.after)):
            self._after(index)
        if plan.teardown:
            self._teardown()
        with self._function(f"async def {steps}(request, scope):"):
            self._steps()
        with self._function(f"async def {core}(request, scope):"):
            with text.block("try:"):
                with text.block("try:"):
                    text.add(f"response = await scope.complete(await {steps}(request, scope))")
                with text.block("except BaseException as failure:"):
                    text.add("raise await scope.fail(failure)")
                text.add("return response")
            self._excepts()
        with self._function(f"async def {self.entry}(request):"):
            needs_claim = "True" if self.spec.cancel_on_disconnect else "request.deadline_at is not None"
            teardown = f", {self.teardown}" if plan.teardown else ""
            text.add(f"scope = Scope(request, {needs_claim}{teardown})")
            self._call_core(core, "scope", "scope")
            for index, name in enumerate(self.after, 1):
                call = f"response = await {name}(request, response, scope)"
                if self.has_threads:
                    with text.block(f"if scope.after_count < {index}:"):
                        text.add(call)
                else:
                    text.add(call)
            text.add("return response")

    def _function(self, head: str) -> AbstractContextManager[None]:
        if self.text.lines:
            self.text.add("", "")
        return self.text.block(head)

    def _excepts(self) -> None:
        """Write the conversion of exceptions around what comes before."""
        text = self.text
        if self.spec.fallthrough:
            with text.block("except Pass:"):
                text.add("raise")
        with text.block("except Exception as error:"):
            text.add("return await convert(request, error)")

    def _steps(self) -> None:
        """Write everything up to the response."""
        if self.plan.reads_body:
            # PERF: no coroutine for a body that is here already, saves 160 ns (benchmarks/tricks.py::taken_body, 3.11)
            with self.text.block("if request.content is None and not request.take_content():"):
                self.text.add("await request.read()")
        for index, segment in enumerate(self.segments):
            is_last = index == len(self.segments) - 1
            if segment.in_thread:
                self._thread_segment(index, segment, is_last)
            else:
                self._loop_segment(segment)

    def _loop_segment(self, segment: Segment) -> None:
        text, writer = self.text, self.writer
        for step in segment.steps:
            if not step.is_call:
                writer.step(step)
            elif step.stage is not self.plan.handler:
                writer.call(step.stage.call, "answer")
                with text.block("if answer is not None:"):
                    self._return("respond_hook", "answer")
            elif self.spec.is_websocket:
                self._socket(step.stage)
            else:
                writer.call(step.stage.call, "value")
                self._return("respond", "value")

    def _return(self, maker: str, value: str) -> None:
        """Return a response from the loop; without a scope it is finished here.

        Only a response that the user made can be returned twice, so one that was made of a value needs no stamp.
        """
        text = self.text
        if self.needs_scope:
            text.add(f"return {maker}({value}).owned_by(request.exchange)")
            return
        text.add(f"response = {maker}({value})")
        with text.block(f"if response is {value}:"):
            text.add("response = response.owned_by(request.exchange)")
        self._return_finished()

    def _return_finished(self) -> None:
        text = self.text
        with text.block("if type(response.body) is not bytes or response.needs_resolving:"):
            text.add("return await start_stream(request, response)")
        text.add("return response")

    def _socket(self, stage: Stage) -> None:
        text = self.text
        with text.block("async def handle_socket(socket):"):
            with text.block("try:"):
                self.writer.call(stage.call, "_")
            with text.block("except BaseException as failure:"):
                text.add("scope.note(failure)", "raise")
        text.add("return switch(request, handle_socket)")

    def _thread_segment(self, index: int, segment: Segment, is_last: bool) -> None:
        text, writer = self.text, self.writer
        name = self.names.take("in_worker")
        kept = variables_kept(self.segments, index)
        if kept:
            text.add(f"{' = '.join(kept)} = None")
        may_answer = is_last
        has_handler = False
        with text.block(f"def {name}(request):"):
            if kept:
                text.add(f"nonlocal {', '.join(kept)}")
            for step in segment.steps:
                if not step.is_call:
                    writer.step(step)
                elif step.stage is not self.plan.handler:
                    may_answer = True
                    writer.call(step.stage.call, "answer")
                    with text.block("if answer is not None:"):
                        self._return_in_thread("respond_hook", "answer")
                else:
                    has_handler = True
                    writer.call(step.stage.call, "value")
                    self._return_in_thread("respond", "value", with_hooks=True)
            if not has_handler:
                text.add("return None")
        # What is entered may wait for something that others hold, so it must never keep a thread from those: their
        # exits have the cleanup lane for themselves, and their later steps the lane of what has begun.
        is_first = not any(earlier.in_thread for earlier in self.segments[:index])
        lane = _FIRST_LANE if is_first or not self.needs_scope else _LATER_LANE
        profile = "profile" if has_handler else "None"
        if self.needs_scope:
            hopping = f"await scope.hop({lane}, {name}, {profile})"
        else:
            hopping = f"await (watched_hop if guarded else hop)({lane}, request.worker, {name}, request, {profile})"
        if not may_answer:
            text.add(hopping)
            return
        text.add(f"response = {hopping}")
        if is_last:
            if self.needs_scope:
                text.add("return response")
            else:
                self._return_finished()
            return
        with text.block("if response is not None:"):
            if self.needs_scope:
                text.add("return response")
            else:
                self._return_finished()

    def _return_in_thread(self, maker: str, value: str, with_hooks: bool = False) -> None:
        """Return a response from a thread; what was entered ends there, and a stream begins there."""
        text = self.text
        if not self.needs_scope:
            text.add(f"response = {maker}({value})")
            with text.block(f"if response is {value}:"):
                text.add("response = response.owned_by(request.exchange)")
            text.add("return response if type(response.body) is bytes else start_here(request, response)")
            return
        closed = f"scope.close_here({maker}({value}).owned_by(request.exchange))"
        quick: list[str] = []
        for name, is_quick in zip(self.after_here, self.is_quick_after, strict=True):
            if not is_quick:
                break
            quick.append(name)
        if not with_hooks or not quick:
            text.add(f"return {closed}")
            return
        text.add(f"response = {closed}")
        with text.block("if scope.is_closed:"):
            for index, name in enumerate(quick, 1):
                text.add(f"scope.after_count = {index}", f"response = {name}((request, response, scope))")
        text.add("return response")

    def _after(self, index: int) -> None:
        """Write a hook after the handler; one without a step on the loop also as a function for the thread."""
        stage, name, text = self.plan.after[index], self.after[index], self.text
        here = self.after_here[index]
        parameters = "request, response, scope" if self.needs_scope else "request, response"
        is_quick = self.is_quick_after[index]
        if is_quick:
            with self._function(f"def {here}(given):"):
                text.add(f"{parameters} = given")
                for step in _all_steps(stage):
                    if not step.is_call:
                        self.writer.step(step, is_late=True)
                self.writer.call(stage.call, "answer")
                with text.block("if answer is None or answer is response:"):
                    text.add("return response")
                text.add("return respond_hook(answer).owned_by(request.exchange)")
        with self._function(f"async def {name}({parameters}):"):
            with text.block("try:"):
                if is_quick:
                    if count_hops(segments_of([stage])):
                        text.add(f"answer = await hop({_LATER_LANE}, request.worker, {here}, ({parameters}))")
                    else:
                        text.add(f"answer = {here}(({parameters}))")
                else:
                    self._late_steps(stage, "answer", _LATER_LANE)
                    with text.block("if answer is None or answer is response:"):
                        text.add("return response")
                    text.add("answer = respond_hook(answer).owned_by(request.exchange)")
                text.add("return answer if is_finished(answer) else await start_stream(request, answer)")
            self._excepts_of_hook()
        if not (is_quick and self.has_threads):
            self.hops += count_hops(segments_of([stage]))

    def _excepts_of_hook(self) -> None:
        with self.text.block("except Exception as error:"):
            if self.needs_scope:
                self.text.add("scope.note(error)")
            self.text.add("return await convert(request, error)")

    def _late_steps(self, stage: Stage, target: str, lane: str) -> None:
        """Write the steps of one hook after the handler, with a hop for each stretch in a thread."""
        text, writer = self.text, self.writer
        segments = segments_of([stage])
        for index, segment in enumerate(segments):
            if not segment.in_thread:
                for step in segment.steps:
                    if step.is_call:
                        writer.call(stage.call, target)
                    else:
                        writer.step(step, is_late=True)
                continue
            kept = variables_kept(segments, index)
            has_call = any(step.is_call for step in segment.steps)
            if kept:
                text.add(f"{' = '.join(kept)} = None")
            name = self.names.take("in_worker")
            with text.block(f"def {name}(request):"):
                if kept:
                    text.add(f"nonlocal {', '.join(kept)}")
                for step in segment.steps:
                    if step.is_call:
                        writer.call(stage.call, target)
                        text.add(f"return {target}")
                    else:
                        writer.step(step, is_late=True)
                if not has_call:
                    text.add("return None")
            hopping = f"await hop({lane}, request.worker, {name}, request)"
            text.add(f"{target} = {hopping}" if has_call else hopping)

    def _teardown(self) -> None:
        text = self.text
        with self._function(f"async def {self.teardown}(request, scope, failure):"):
            for stage in self.plan.teardown:
                with text.block("try:"):
                    self._late_steps(stage, "_", _EXIT_LANE)
                with text.block("except Exception as error:"):
                    text.add("log_failure(request, error)")


def _converting(spec: RouteSpec) -> Convert:
    """Return what makes the response of an exception; only a fallthrough route may let a `Pass` out."""
    convert = spec.convert
    if spec.fallthrough:
        return convert

    def convert_all(request: Request, error: Exception) -> Awaitable[Response]:
        return convert(request, pass_refused(error) if isinstance(error, Pass) else error)

    return spec.shared.once(lambda: convert_all, "convert", convert)


def _all_steps(stage: Stage) -> list[Step]:
    return [step for segment in segments_of([stage]) for step in segment.steps]


def _runs_in_thread(stage: Stage) -> bool:
    """Whether a hook and all its providers can run in one thread."""
    return all(step.place is not Place.LOOP for step in _all_steps(stage))


def _names_of(plan: Plan) -> Names:
    """Return names among which those of the plan are taken."""
    names = Names()
    for stage in (*plan.core, *plan.after, *plan.teardown):
        for call in (stage.call, *(make.call for make in stage.makes)):
            names.reserve(call.variable)
        for read in stage.reads:
            names.reserve(read.variable)
        for make in stage.makes:
            names.reserve(make.variable)
    return names
