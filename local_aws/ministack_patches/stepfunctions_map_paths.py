"""A Distributed Map's `MaxConcurrencyPath` and `ToleratedFailureCountPath` for the local Step Functions, which knows
`MaxConcurrency` and `ToleratedFailureCount` alone."""

PATHS = ("MaxConcurrency", "ToleratedFailureCount")


def install():
    """Makes the local Step Functions read both paths, and do all else as before."""
    from ministack.services import stepfunctions

    run = stepfunctions._run_distributed_map

    def with_settings(state, raw_input, effective, iterator, execution, context):
        state = settled(state, lambda path: stepfunctions._resolve_path_or_ctx(path, effective, context))
        return run(state, raw_input, effective, iterator, execution, context)

    stepfunctions._run_distributed_map = with_settings


def settled(state, read):
    """The state with the values that the paths lead to."""
    values = {name: read(state[f"{name}Path"]) for name in PATHS if f"{name}Path" in state}
    return {**state, **values}
