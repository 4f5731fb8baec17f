"""Patches that make ministack 1.5.33 behave like AWS.

Each module restores one documented behaviour: its docstring links the page of AWS's documentation, and its `install` replaces the
functions of ministack that differ. The modules import only ministack and public libraries, so each can become a change to ministack.
`athena` is the one package: a query engine in place of ministack's own.
"""

from local_aws.ministack_patches import (
    cloudformation_named_query,
    cloudformation_nested_stacks,
    cloudformation_time_to_live,
    glue_update_partition,
    iam_partiql_actions,
    iam_request_context,
    lambda_exit_during_init,
    stepfunctions_map_paths,
)
from local_aws.ministack_patches.athena import executions

PATCHES = (
    executions,
    cloudformation_named_query,
    cloudformation_nested_stacks,
    cloudformation_time_to_live,
    glue_update_partition,
    iam_partiql_actions,
    iam_request_context,
    lambda_exit_during_init,
    stepfunctions_map_paths,
)


def install() -> None:
    """Applies every patch. Call it once, after the environment variables of ministack are set: importing ministack reads them."""
    for patch in PATCHES:
        patch.install()
