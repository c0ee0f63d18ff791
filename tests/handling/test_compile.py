"""The compiled endpoint against the interpreted plan, on random routes and requests."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from costrel.errors import BadRequest, Conflict
from costrel.handling import Depends, HookSpec, Provider, ProviderTable, Query

_SPEC = importlib.util.spec_from_file_location("interpreted_plan", Path(__file__).parent / "interpreted_plan.py")
assert _SPEC is not None
assert _SPEC.loader is not None
_interpreted_plan = importlib.util.module_from_spec(_SPEC)
sys.modules["interpreted_plan"] = _interpreted_plan
_SPEC.loader.exec_module(_interpreted_plan)
Interpreter = _interpreted_plan.Interpreter

COLOURS = ("sync-yield", "async-yield", "sync", "async", "class", "sync-yield", "async-yield")
FAILURES = (None, None, None, None, None, None, None, "value", "bad", "conflict")


def fail(kind: str | None, name: str) -> None:
    if kind == "value":
        raise ValueError(name)
    if kind == "bad":
        raise BadRequest(name)
    if kind == "conflict":
        raise Conflict(name)


class Route:
    """A random route, built twice from one description so that both runs have a log of their own."""

    def __init__(self, shape: dict[str, Any]) -> None:
        self.shape = shape
        self.log: list[object] = []

    def function(
        self,
        name: str,
        colour: str,
        needs: list[tuple[str, object, object]],
        act: Callable[[dict[str, Any]], Any],
        on_exit: str | None = None,
    ) -> Callable[..., Any]:
        """Write a function with the given parameters; each records that it ran and with what."""
        log = self.log

        def enter(values: dict[str, Any]) -> Any:
            log.append(
                (
                    name,
                    sorted(
                        (key, repr(value))
                        for key, value in values.items()
                        if key not in ("request", "response", "failure")
                    ),
                )
            )
            return act(values)

        def leave(failure: BaseException | None) -> None:
            log.append((f"{name} exit", type(failure).__name__))
            fail(on_exit, f"{name} exit")

        namespace: dict[str, Any] = {"enter": enter, "leave": leave}
        parameters = []
        for index, (parameter, annotation, default) in enumerate(needs):
            namespace[f"A{index}"] = annotation
            namespace[f"D{index}"] = default
            shown = parameter if annotation is None else f"{parameter}: A{index}"
            parameters.append(shown if default is ... else f"{shown} = D{index}")
        parameters.sort(key=lambda text: " = " in text)
        head = ", ".join(parameters)
        if colour == "sync":
            body = f"def made({head}):\n    return enter(locals())"
        elif colour == "async":
            body = f"async def made({head}):\n    return enter(locals())"
        elif colour == "class":
            body = (
                f"class made:\n    def __init__(self, {head}):\n        values = locals()\n        del values['self']\n"
                "        enter(values)\n    def __repr__(self):\n        return 'made'"
            )
        else:
            prefix = "async " if colour == "async-yield" else ""
            body = (
                f"{prefix}def made({head}):\n    value = enter(locals())\n    try:\n        yield value\n"
                "    except BaseException as error:\n        leave(error)\n        raise\n"
                "    else:\n        leave(None)"
            )
        exec(body, namespace)
        return namespace["made"]

    def build(self, kit: Any) -> Any:
        shape = self.shape
        types: list[type] = []
        providers: list[Provider] = []
        for index, provider in enumerate(shape["providers"]):
            type_ = type(f"T{index}", (), {})
            needs = [(f"t{number}", types[number], ...) for number in provider["needs"] if number < index]
            if provider["header"]:
                needs.append(("page", int, 1))

            def act(values: dict[str, Any], provider: Any = provider, index: int = index) -> object:
                fail(provider["fails"], f"T{index}")
                return f"value {index}"

            factory = self.function(f"T{index}", provider["colour"], needs, act, provider["exit_fails"])
            types.append(type_)
            providers.append(Provider(type_, factory, provider["lifetime"]))

        def hooks(kind: str) -> tuple[HookSpec, ...]:
            made = []
            for index, hook in enumerate(shape[kind]):
                needs: list[tuple[str, object, object]] = []
                if kind == "after":
                    needs.append(("response", None, ...))
                needs += [(f"t{n}", types[n], ...) for n in hook["needs"] if n < len(types) and kind == "before"]
                if hook["query"]:
                    needs.append(("page", int, 1))

                def act(values: dict[str, Any], hook: Any = hook, kind: str = kind, index: int = index) -> object:
                    fail(hook["fails"], f"{kind} {index}")
                    return {kind: index} if hook["answers"] and kind != "teardown" else None

                made.append(HookSpec(self.function(f"{kind} {index}", hook["colour"], needs, act), ""))
            return tuple(made)

        handler = shape["handler"]
        needs = [(f"t{n}", types[n], ...) for n in handler["needs"] if n < len(types)]
        needs += [("id", int, ...), ("page", int, ...), ("sort", str, "up"), ("depth", Any, Depends(lambda: 4))]
        needs[-1] = ("flag", bool, Query(False))

        def act(values: dict[str, Any]) -> object:
            fail(handler["fails"], "handler")
            return {"id": values["id"], "page": values["page"]}

        function = self.function("handler", handler["colour"], needs, act)
        return kit.spec(
            function,
            "/{id}",
            providers=ProviderTable(providers),
            before=hooks("before"),
            after=hooks("after"),
            teardown=hooks("teardown"),
        )


def lists_of(item: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[list[Any]]:
    return st.lists(item, max_size=most)


PROVIDERS = st.fixed_dictionaries(
    {
        "colour": st.sampled_from(COLOURS),
        "lifetime": st.sampled_from([None, None, "response"]),
        "needs": lists_of(st.integers(0, 3), 2).map(lambda found: sorted(set(found))),
        "header": st.booleans(),
        "fails": st.sampled_from(FAILURES),
        "exit_fails": st.sampled_from(FAILURES),
    }
)
HOOKS = st.fixed_dictionaries(
    {
        "colour": st.sampled_from(["sync", "async"]),
        "needs": lists_of(st.integers(0, 3), 1),
        "query": st.booleans(),
        "answers": st.sampled_from([False, False, True]),
        "fails": st.sampled_from(FAILURES),
    }
)
ROUTES = st.fixed_dictionaries(
    {
        "providers": st.one_of(lists_of(PROVIDERS, 4), st.lists(PROVIDERS, min_size=3, max_size=4)),
        "before": lists_of(HOOKS, 2),
        "after": lists_of(HOOKS, 2),
        "teardown": lists_of(HOOKS, 2),
        "handler": st.fixed_dictionaries(
            {
                "colour": st.sampled_from(["sync", "async"]),
                "needs": st.sampled_from([[0, 1, 2, 3], [3, 1], [2]]),
                "fails": st.sampled_from(FAILURES),
            }
        ),
    }
)
QUERIES = st.sampled_from(["page=1", "page=2&sort=down", "page=x", "", "page=x&flag=maybe", "page=1&flag=on"])
IDS = st.sampled_from([1, "2", "x"])


@pytest.mark.pain("P5")
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(shape=ROUTES, query=QUERIES, id_=IDS)
def test_a_compiled_endpoint_does_what_its_plan_says(kit: Any, shape: dict[str, Any], query: str, id_: object) -> None:
    """Compiled and interpreted agree on the answer and on the order in which the user's functions run."""
    from costrel.handling import compile_endpoint

    compiled_route, interpreted_route = Route(shape), Route(shape)
    endpoint, mistakes = compile_endpoint(compiled_route.build(kit))
    if endpoint is None:
        assert {mistake.code for mistake in mistakes} <= {"COS-HANDLER-008", "COS-HANDLER-013"}
        return
    interpreter = Interpreter(interpreted_route.build(kit))

    async def main(client: Any) -> Any:
        answers = []
        for dispatch in (endpoint.dispatch, interpreter.dispatch):
            request = client.make_request(query=query, path_params={"id": id_})
            answers.append(await client.run(dispatch, request))
        return answers

    compiled, interpreted = kit.run(main)

    assert (interpreted.status, interpreted.body) == (compiled.status, compiled.body), endpoint.source
    assert interpreted_route.log == compiled_route.log, endpoint.source
