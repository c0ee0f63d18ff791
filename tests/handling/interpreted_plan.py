"""The slow interpreter of plans: written for being obviously right, never for speed.

It runs a plan step by step on the loop, without segments, threads or generated code. The compiled endpoint must give
the same answer and call the user's functions in the same order.
"""

from __future__ import annotations

from inspect import isawaitable
from typing import Any

from costrel.errors import ValidationFailed
from costrel.handling import RouteSpec
from costrel.handling.bodies import check_form_type
from costrel.handling.plan import Argument, Call, Make, Plan, Stage
from costrel.handling.planning import build_plan
from costrel.handling.returning import UNANNOTATED, response_maker
from costrel.handling.signature import Colour
from costrel.messages import Request, Response, StreamBody


class Interpreter:
    """Interprets one route; `dispatch` is what a compiled endpoint offers."""

    def __init__(self, spec: RouteSpec) -> None:
        plan, mistakes = build_plan(spec)
        assert plan is not None, mistakes
        self.plan: Plan = plan
        self.spec = spec
        returns = plan.handler.call.signature.returns
        annotation = UNANNOTATED if repr(returns) == "UNSET" else returns
        self.make = response_maker(annotation, status_code=spec.status_code, text_as=spec.text_as).make
        self.make_of_hook = response_maker(text_as=spec.text_as).make

    async def dispatch(self, request: Request) -> Response:
        run = _Run(self, request)
        request.on_end(run.end)
        try:
            response = await run.core()
        except Exception as error:
            response = await self.spec.convert(request, error)
        for stage in self.plan.after:
            try:
                variables: dict[str, Any] = {"request": request, "response": response}
                answer = await run.stage(stage, variables)
                if answer is not None:
                    response = self.make_of_hook(answer)
            except Exception as error:
                run.failure = error
                response = await self.spec.convert(request, error)
        return response


class _Run:
    """One request on its way through a plan."""

    def __init__(self, interpreter: Interpreter, request: Request) -> None:
        self.interpreter = interpreter
        self.plan = interpreter.plan
        self.request = request
        self.handler_exits: list[Any] = []
        self.response_exits: list[Any] = []
        self.values: dict[object, Any] = {}
        self.failure: BaseException | None = None

    async def core(self) -> Response:
        variables: dict[str, Any] = {"request": self.request}
        try:
            response = await self.answer(variables)
            if isinstance(response.body, StreamBody):
                await response.body.prime()
                response.body.on_finish(self.finish_stream)
                return response
        except BaseException as error:
            self.failure = error
            failure = await self.leave(self.handler_exits, error)
            self.failure = failure
            raise failure from None
        failure = await self.leave(self.handler_exits, None)
        if failure is not None:
            self.failure = failure
            raise failure
        return response

    async def finish_stream(self, failure: BaseException | None) -> None:
        result = await self.leave(self.handler_exits, failure)
        self.failure = result
        if result is not None and result is not failure:
            raise result

    async def answer(self, variables: dict[str, Any]) -> Response:
        if self.plan.reads_body:
            await self.request.read()
        for stage in self.plan.before:
            answer = await self.stage(stage, variables)
            if answer is not None:
                return self.interpreter.make_of_hook(answer)
        return self.interpreter.make(await self.stage(self.plan.handler, variables))

    async def stage(self, stage: Stage, variables: dict[str, Any]) -> Any:
        errors: list[Any] = []
        if any(read.source in ("form", "file") for read in stage.reads):
            check_form_type(self.request)
        for read in stage.reads:
            if read.read is None:
                variables[read.variable] = self.request.path_params[read.name]
            else:
                variables[read.variable] = read.read(self.request, errors)
        if errors:
            raise ValidationFailed(errors)
        for make in stage.makes:
            if make.provider not in self.values:
                self.values[make.provider] = await self.enter(make, variables)
            variables[make.variable] = self.values[make.provider]
        return await self.call(stage.call, variables)

    async def enter(self, make: Make, variables: dict[str, Any]) -> Any:
        if not make.has_exit:
            return await self.call(make.call, variables)
        generator: Any = self.called(make.call, variables)
        is_async = make.call.signature.colour is Colour.ASYNC_GENERATOR
        value = await anext(generator) if is_async else next(generator)
        exits = self.handler_exits if make.lifetime == "handler" else self.response_exits
        exits.append(generator)
        return value

    async def call(self, call: Call, variables: dict[str, Any]) -> Any:
        value = self.called(call, variables)
        return await value if isawaitable(value) else value

    def called(self, call: Call, variables: dict[str, Any]) -> Any:
        positional = [variables[item.variable] for item in call.arguments if _is_positional(item)]
        named = {item.keyword: variables[item.variable] for item in call.arguments if item.keyword is not None}
        for item in call.arguments:
            if item.is_rest:
                named.update(variables[item.variable])
        return call.signature.function(*positional, **named)

    async def leave(self, exits: list[Any], failure: BaseException | None) -> BaseException | None:
        while exits:
            generator = exits.pop()
            try:
                if hasattr(generator, "athrow"):
                    await (anext(generator) if failure is None else generator.athrow(failure))
                elif failure is None:
                    next(generator)
                else:
                    generator.throw(failure)
            except (StopIteration, StopAsyncIteration):
                continue
            except BaseException as raised:
                failure = raised
        return failure

    async def end(self, request: Request) -> None:
        failure = await self.leave(self.handler_exits, self.failure)
        failure = await self.leave(self.response_exits, failure)
        for stage in self.plan.teardown:
            try:
                await self.stage(stage, {"request": request, "scope": None, "failure": failure})
            except Exception:
                continue


def _is_positional(item: Argument) -> bool:
    return item.keyword is None and not item.is_rest
