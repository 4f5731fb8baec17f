"""Patches that make ministack behave like AWS. Each module restores one documented behaviour and has an `install` function."""

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


def install():
    """Applies every patch. Call it once, after the environment variables of ministack are set."""
    executions.install()
    iam_request_context.install()
    lambda_exit_during_init.install()
    stepfunctions_map_paths.install()
    cloudformation_named_query.install()
    cloudformation_nested_stacks.install()
    iam_partiql_actions.install()
    cloudformation_time_to_live.install()
    glue_update_partition.install()
