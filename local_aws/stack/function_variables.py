"""The environment variables of the deployed functions, for programs that run a function outside of the local AWS."""

from local_aws.stack.aws import LocalAws
from local_aws.stack.build import functions, logical_id


def by_function(aws: LocalAws) -> dict[str, dict[str, str]]:
    """The variables of each function by its logical id. Functions that the stack was deployed without are left out."""
    found = {}
    for name in map(logical_id, functions()):
        try:
            found[name] = aws.function_variables(name)
        except KeyError:
            continue
    return found
