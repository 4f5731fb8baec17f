"""A Distributed Map takes `MaxConcurrencyPath` and `ToleratedFailureCountPath`; ministack reads the constant fields only.

AWS: https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from collections.abc import Callable
from typing import Any

State = dict[str, Any]

FIELDS = ("MaxConcurrency", "ToleratedFailureCount")


def install() -> None:
    """Resolves both paths against the state's input before ministack runs the map."""
    from ministack.services import stepfunctions

    run = stepfunctions._run_distributed_map

    def run_resolved(state: State, raw_input: Any, effective: Any, iterator: Any, execution: Any, context: Any) -> Any:
        def read(path: str) -> Any:
            return stepfunctions._resolve_path_or_ctx(path, effective, context)

        return run(with_resolved_paths(state, read), raw_input, effective, iterator, execution, context)

    stepfunctions._run_distributed_map = run_resolved


def with_resolved_paths(state: State, read: Callable[[str], Any]) -> State:
    """The state with the value of each path in the constant field."""
    values = {name: read(state[f"{name}Path"]) for name in FIELDS if f"{name}Path" in state}
    return {**state, **values}
