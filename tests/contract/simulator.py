"""A small interpreter of the States Language in JSONata that runs the project's state machines on scripted tasks.

It is stricter than the local AWS: an undefined result fails, payloads obey the limits of Step Functions, and an execution
can be redriven. It does not wait. It records every evaluated expression, so a test can compare the values with the
reference implementation of JSONata.
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

import jsonata

from project import Json

MAX_PAYLOAD_BYTES = 256 * 1024
# The output of a state, and the name of the next state or None.
Step = tuple[Any, str | None]


class TaskError(Exception):
    """Error of a scripted task: a name and an optional cause."""

    def __init__(self, name: str, cause: str | None = None) -> None:
        super().__init__(name, cause)
        self.name, self.cause = name, cause

    @classmethod
    def of_lambda(cls, name: str, message: str) -> TaskError:
        """Returns a function's error as Step Functions reports it."""
        return cls(name, json.dumps({"errorType": name, "errorMessage": message}))

    def output(self) -> Json:
        return {"Error": self.name} | ({} if self.cause is None else {"Cause": self.cause})


class Execution:
    """One execution. `tasks(state, arguments)` returns the result of a task or raises a `TaskError`."""

    def __init__(
        self,
        definition: Json,
        tasks: Callable[[str, Json], Any],
        *,
        name: str = "execution",
        arn: str = "arn:aws:states:us-east-1:0:execution:machine:name",
        redrive_count: int = 0,
    ) -> None:
        self.definition, self.tasks = definition, tasks
        self.context: Json = {"Execution": {"Id": arn, "Name": name, "StartTime": "2025-11-21T01:10:00.000Z"}}
        if redrive_count:  # redrives before the tested state
            self.context["Execution"]["RedriveCount"] = redrive_count
        self.variables: Json = {}
        self.calls: list[tuple[str, Json]] = []
        self.trail: list[str] = []
        self.evaluated: list[Json] = []
        self.largest_payload = 0
        self.status = ""
        self.output: Any = None
        self.error: str | None = None
        # The type is Any, not Optional: each test knows whether its execution succeeds and has an output.
        self.cause: Any = None
        self.failed_at: Any = None

    def run(self, given: Any) -> Execution:
        self.context["Execution"]["Input"] = given
        return self._go(self.definition["StartAt"], given)

    def redrive(self) -> Execution:
        """Resumes at the failed state, with the same input and variables."""
        assert self.status == "FAILED"
        self.context["Execution"]["RedriveCount"] = self.context["Execution"].get("RedriveCount", 0) + 1
        name, given = self.failed_at
        return self._go(name, given)

    def _go(self, name: str, given: Any) -> Execution:
        self.status = ""
        self.output = self.error = self.cause = self.failed_at = None
        try:
            self.output = self._walk(self.definition["States"], name, given, self.variables, {}, top=True)
            self.status = "SUCCEEDED"
        except TaskError as error:
            self.status, self.error, self.cause = "FAILED", error.name, error.cause
        return self

    def _walk(self, states: Json, name: str | None, given: Any, variables: Json, extra: Json, top: bool = False) -> Any:
        while name is not None:
            assert len(self.trail) < 20_000, f"endless execution: {self.trail[-10:]}"
            state = states[name]
            self.trail.append(name)
            scope = _Scope(self, variables, {"State": {"Name": name, "EnteredTime": "2025-11-21T01:10:01.000Z"}} | extra)
            self._measure(given)
            try:
                given, name = getattr(self, "_" + state["Type"].lower())(name, state, given, scope)
            except TaskError:
                if top:
                    self.failed_at = (name, given)
                raise
            self._measure(given)
        return given

    def _measure(self, value: Any) -> None:
        size = len(json.dumps(value, separators=(",", ":")).encode())
        self.largest_payload = max(self.largest_payload, size)
        if size > MAX_PAYLOAD_BYTES:
            raise TaskError("States.DataLimitExceeded", f"{size} bytes")

    def _pass(self, _: str, state: Json, given: Any, scope: _Scope) -> Step:
        return self._leave(state, given, given, scope)

    def _succeed(self, _: str, state: Json, given: Any, scope: _Scope) -> Step:
        return scope.fill(state.get("Output", given), given), None

    def _fail(self, _: str, state: Json, given: Any, scope: _Scope) -> NoReturn:
        raise TaskError(scope.fill(state["Error"], given), scope.fill(state["Cause"], given))

    def _choice(self, _: str, state: Json, given: Any, scope: _Scope) -> Step:
        for choice in state["Choices"]:
            if scope.fill(choice["Condition"], given) is True:
                scope.assign(choice, given)
                return scope.fill(choice.get("Output", given), given), choice["Next"]
        scope.assign(state, given)
        return scope.fill(state.get("Output", given), given), state["Default"]

    def _task(self, name: str, state: Json, given: Any, scope: _Scope) -> Step:
        def attempt() -> Any:
            arguments = scope.fill(state["Arguments"], given)
            self._measure(arguments)
            self.calls.append((name, arguments))
            result = self.tasks(name, arguments)
            return {"Payload": result} if state["Resource"].endswith(":lambda:invoke") else result

        return self._retry_and_catch(state, given, scope, attempt)

    def _map(self, _: str, state: Json, given: Any, scope: _Scope) -> Step:
        def attempt() -> Any:
            items = scope.fill(state["Items"], given)
            assert isinstance(items, list), f"Items is {items!r}"
            assert isinstance(scope.fill(state["MaxConcurrency"], given), int)
            return [one(index, item) for index, item in enumerate(items)]

        def one(index: int, item: Any) -> Any:
            extra = {"Map": {"Item": {"Index": index, "Value": item}}}
            selected = _Scope(self, scope.variables, scope.context | extra).fill(state["ItemSelector"], given)
            processor = state["ItemProcessor"]
            inner = copy.deepcopy(scope.variables)
            return self._walk(processor["States"], processor["StartAt"], selected, inner, extra)

        return self._retry_and_catch(state, given, scope, attempt)

    def _retry_and_catch(self, state: Json, given: Any, scope: _Scope, attempt: Any) -> Step:
        attempts: dict[int, int] = {}
        while True:
            try:
                result = attempt()
                return self._leave(state, given, result, scope, result=result)
            except TaskError as error:
                retrier = _first_match(state.get("Retry", []), error.name)
                if retrier is not None and attempts.get(id(retrier), 0) < retrier["MaxAttempts"]:
                    attempts[id(retrier)] = attempts.get(id(retrier), 0) + 1
                    continue
                catcher = _first_match(state.get("Catch", []), error.name)
                if catcher is None:
                    raise
                output = scope.fill(catcher.get("Output", error.output()), given, errorOutput=error.output())
                scope.assign(catcher, given, errorOutput=error.output())
                return output, catcher["Next"]

    def _leave(self, state: Json, given: Any, default: Any, scope: _Scope, **states: Any) -> Step:
        output = scope.fill(state["Output"], given, **states) if "Output" in state else default
        scope.assign(state, given, **states)
        assert state.get("End") is True or "Next" in state
        return output, state.get("Next")


class _Scope:
    """The bindings of expressions: variables, context, and `$states`."""

    def __init__(self, execution: Execution, variables: Json, context: Json) -> None:
        self.execution, self.variables = execution, variables
        self.context = execution.context | context

    def fill(self, template: Any, given: Any, **states: Any) -> Any:
        if isinstance(template, dict):
            return {key: self.fill(value, given, **states) for key, value in template.items()}
        if isinstance(template, list):
            return [self.fill(value, given, **states) for value in template]
        expression = re.fullmatch(r"\{%(.*)%\}", template, re.S) if isinstance(template, str) else None
        return self._evaluate(expression[1].strip(), given, states) if expression else template

    def assign(self, state: Json, given: Any, **states: Any) -> None:
        """Assigns variables. All expressions see the values from before the state."""
        values = {name: self.fill(value, given, **states) for name, value in state.get("Assign", {}).items()}
        self.execution._measure(values)
        self.variables.update(values)

    def _evaluate(self, expression: str, given: Any, states: Json) -> Any:
        bindings = self.variables | {"states": {"input": given, "context": self.context} | states}
        bindings = json.loads(json.dumps(bindings))
        try:
            value = _parsed(expression).evaluate(None, bindings)
        except jsonata.JException as error:
            raise TaskError("States.QueryEvaluationError", f"{expression}: {error}") from error
        if value is None:
            raise TaskError("States.QueryEvaluationError", f"{expression}: no result")
        value = json.loads(json.dumps(value))
        self.execution.evaluated.append({"expression": expression, "bindings": bindings, "value": value})
        return value


@cache
def _parsed(expression: str) -> Any:
    parsed = jsonata.Jsonata.jsonata(expression)
    parsed.register_lambda("parse", json.loads)
    parsed.register_lambda("hash", _hash)
    return parsed


def _hash(text: str, algorithm: str) -> str:
    return hashlib.new(algorithm.replace("-", "").lower(), text.encode()).hexdigest()


def _first_match(clauses: list[Json], error: str) -> Json | None:
    """Returns the first clause that matches. States.ALL does not match the two errors that Step Functions excludes."""
    uncatchable = error in ("States.DataLimitExceeded", "States.Runtime")
    for clause in clauses:
        if error in clause["ErrorEquals"] or ("States.ALL" in clause["ErrorEquals"] and not uncatchable):
            return clause
    return None
