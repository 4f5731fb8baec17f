"""A small interpreter of state machines: enough of the States Language, in JSONata, to run ours on scripted tasks.

It is stricter than the local AWS where that is lenient: an undefined result fails, payloads are held to Step Functions'
limits, and an execution can be redriven. It does not wait. Every expression that it evaluates is remembered, so that a
test can ask the reference implementation of JSONata for the same values.
"""

import copy
import hashlib
import json
import re
from functools import lru_cache

import jsonata

MAX_PAYLOAD_BYTES = 256 * 1024


class TaskError(Exception):
    """What a scripted task raises: an error name and, unless it is None, a cause."""

    def __init__(self, name, cause=None):
        super().__init__(name, cause)
        self.name, self.cause = name, cause

    @classmethod
    def of_lambda(cls, name, message):
        """As Step Functions reports a function's error."""
        return cls(name, json.dumps({"errorType": name, "errorMessage": message}))

    def output(self):
        return {"Error": self.name} | ({} if self.cause is None else {"Cause": self.cause})


class Execution:
    """One execution. `tasks(state, arguments)` plays the tasks' part."""

    def __init__(
        self, definition, tasks, *, name="execution", arn="arn:aws:states:us-east-1:0:execution:machine:name", redrive_count=0
    ):
        self.definition, self.tasks = definition, tasks
        self.context = {"Execution": {"Id": arn, "Name": name, "StartTime": "2025-11-21T01:10:00.000Z"}}
        if redrive_count:  # which came before the state that the test is about
            self.context["Execution"]["RedriveCount"] = redrive_count
        self.variables = {}
        self.calls, self.trail, self.evaluated = [], [], []
        self.largest_payload = 0
        self.status = self.output = self.error = self.cause = self.failed_at = None

    def run(self, given):
        self.context["Execution"]["Input"] = given
        return self._go(self.definition["StartAt"], given)

    def redrive(self):
        """Goes on from the state that failed, with its input and the variables as they were."""
        assert self.status == "FAILED"
        self.context["Execution"]["RedriveCount"] = self.context["Execution"].get("RedriveCount", 0) + 1
        name, given = self.failed_at
        return self._go(name, given)

    def _go(self, name, given):
        self.status = self.output = self.error = self.cause = self.failed_at = None
        try:
            self.output = self._walk(self.definition["States"], name, given, self.variables, {}, top=True)
            self.status = "SUCCEEDED"
        except TaskError as error:
            self.status, self.error, self.cause = "FAILED", error.name, error.cause
        return self

    def _walk(self, states, name, given, variables, extra, top=False):
        while name is not None:
            assert len(self.trail) < 20_000, f"the execution does not end: {self.trail[-10:]}"
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

    def _measure(self, value):
        size = len(json.dumps(value, separators=(",", ":")).encode())
        self.largest_payload = max(self.largest_payload, size)
        if size > MAX_PAYLOAD_BYTES:
            raise TaskError("States.DataLimitExceeded", f"{size} bytes")

    def _pass(self, _, state, given, scope):
        return self._leave(state, given, given, scope)

    def _succeed(self, _, state, given, scope):
        return scope.fill(state.get("Output", given), given), None

    def _fail(self, _, state, given, scope):
        raise TaskError(scope.fill(state["Error"], given), scope.fill(state["Cause"], given))

    def _choice(self, _, state, given, scope):
        for choice in state["Choices"]:
            if scope.fill(choice["Condition"], given) is True:
                scope.assign(choice, given)
                return scope.fill(choice.get("Output", given), given), choice["Next"]
        scope.assign(state, given)
        return scope.fill(state.get("Output", given), given), state["Default"]

    def _task(self, name, state, given, scope):
        def attempt():
            arguments = scope.fill(state["Arguments"], given)
            self._measure(arguments)
            self.calls.append((name, arguments))
            result = self.tasks(name, arguments)
            return {"Payload": result} if state["Resource"].endswith(":lambda:invoke") else result

        return self._retry_and_catch(state, given, scope, attempt)

    def _map(self, _, state, given, scope):
        def attempt():
            items = scope.fill(state["Items"], given)
            assert isinstance(items, list), f"Items is {items!r}"
            assert isinstance(scope.fill(state["MaxConcurrency"], given), int)
            return [one(index, item) for index, item in enumerate(items)]

        def one(index, item):
            extra = {"Map": {"Item": {"Index": index, "Value": item}}}
            selected = _Scope(self, scope.variables, scope.context | extra).fill(state["ItemSelector"], given)
            processor = state["ItemProcessor"]
            inner = copy.deepcopy(scope.variables)
            return self._walk(processor["States"], processor["StartAt"], selected, inner, extra)

        return self._retry_and_catch(state, given, scope, attempt)

    def _retry_and_catch(self, state, given, scope, attempt):
        attempts = {}
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

    def _leave(self, state, given, default, scope, **states):
        output = scope.fill(state["Output"], given, **states) if "Output" in state else default
        scope.assign(state, given, **states)
        assert state.get("End") is True or "Next" in state
        return output, state.get("Next")


class _Scope:
    """What expressions see: variables, context, and `$states`."""

    def __init__(self, execution, variables, context):
        self.execution, self.variables = execution, variables
        self.context = execution.context | context

    def fill(self, template, given, **states):
        if isinstance(template, dict):
            return {key: self.fill(value, given, **states) for key, value in template.items()}
        if isinstance(template, list):
            return [self.fill(value, given, **states) for value in template]
        expression = re.fullmatch(r"\{%(.*)%\}", template, re.S) if isinstance(template, str) else None
        return self._evaluate(expression[1].strip(), given, states) if expression else template

    def assign(self, state, given, **states):
        """All expressions see the variables as they were when the state was entered."""
        values = {name: self.fill(value, given, **states) for name, value in state.get("Assign", {}).items()}
        self.execution._measure(values)
        self.variables.update(values)

    def _evaluate(self, expression, given, states):
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


@lru_cache(maxsize=None)
def _parsed(expression):
    parsed = jsonata.Jsonata.jsonata(expression)
    parsed.register_lambda("parse", json.loads)
    parsed.register_lambda("hash", lambda text, algorithm: _hash(text, algorithm))
    return parsed


def _hash(text, algorithm):
    return hashlib.new(algorithm.replace("-", "").lower(), text.encode()).hexdigest()


def _first_match(clauses, error):
    """States.ALL matches every error but the two that Step Functions never lets be caught by it."""
    uncatchable = error in ("States.DataLimitExceeded", "States.Runtime")
    for clause in clauses:
        if error in clause["ErrorEquals"] or ("States.ALL" in clause["ErrorEquals"] and not uncatchable):
            return clause
    return None
