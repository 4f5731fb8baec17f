"""Creates or updates a stack on the local AWS, and reads its outputs."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local_aws.stack.templates import DeployError, TemplateUploader

__all__ = ["DeployError", "deploy", "outputs", "physical_id"]

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
#: A stack in one of these statuses cannot be updated; it is deleted and created again.
NOT_UPDATABLE = ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED")
POLL_SECS = 0.1
DELETE_TIMEOUT_SECS = 60


def deploy(
    client: Callable[[str], Any],
    template: Path,
    functions: Path,
    stack: str,
    parameters: Mapping[str, object],
    timeout_secs: float = 120,
) -> dict[str, str]:
    """Creates or updates `stack` and returns its outputs.

    `client(service)` makes boto3 clients; `functions/<logical id>/bootstrap` is each function's binary.
    """
    cloudformation = client("cloudformation")
    url = TemplateUploader(client("s3"), functions).publish(template)
    request = {
        "StackName": stack,
        "TemplateURL": url,
        "Capabilities": CAPABILITIES,
        "Parameters": [{"ParameterKey": key, "ParameterValue": str(value)} for key, value in parameters.items()],
    }
    since = time.time() - 1
    if create_or_update(cloudformation, request):
        status = wait(cloudformation, stack, timeout_secs)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise DeployError(f"{stack}: {status}\n" + "\n".join(failures(cloudformation, stack, since)))
    return outputs(cloudformation, stack)


def outputs(cloudformation: Any, stack: str) -> dict[str, str]:
    """The stack's outputs by name."""
    description = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def physical_id(cloudformation: Any, stack: str, logical_id: str) -> str:
    """The physical id of a resource of the stack or of its nested stacks. Raises KeyError if there is none."""
    nested = []
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            found: str = resource["PhysicalResourceId"]
            if resource["LogicalResourceId"] == logical_id:
                return found
            if resource["ResourceType"] == "AWS::CloudFormation::Stack":
                nested.append(found)
    for inner in nested:
        try:
            return physical_id(cloudformation, inner, logical_id)
        except KeyError:
            continue
    raise KeyError(f"{stack} has no resource {logical_id}")


def create_or_update(cloudformation: Any, request: dict[str, Any]) -> bool:
    """Reports whether an operation was started; False means that nothing changes."""
    stack = request["StackName"]
    status = stack_status(cloudformation, stack)
    if status in NOT_UPDATABLE:
        cloudformation.delete_stack(StackName=stack)
        wait(cloudformation, stack, DELETE_TIMEOUT_SECS)
        status = None
    if status is None:
        cloudformation.create_stack(**request)
        return True
    try:
        cloudformation.update_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" in error.response["Error"]["Message"]:
            return False
        raise
    return True


def stack_status(cloudformation: Any, stack: str) -> str | None:
    """The stack's status; None if there is no stack."""
    try:
        status: str = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    return None if status == "DELETE_COMPLETE" else status


def wait(cloudformation: Any, stack: str, timeout_secs: float) -> str | None:
    deadline = time.monotonic() + timeout_secs
    while (status := stack_status(cloudformation, stack)) and status.endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise DeployError(f"{stack}: still {status} after {timeout_secs} s")
        time.sleep(POLL_SECS)
    return status


def failures(cloudformation: Any, stack: str, since: float) -> list[str]:
    """One line for each resource that failed since a moment, in the stack and its nested stacks."""
    lines: list[str] = []
    for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]:
        if event["Timestamp"].timestamp() < since or not event["ResourceStatus"].endswith("FAILED"):
            continue
        nested = event.get("PhysicalResourceId")
        if event["ResourceType"] == "AWS::CloudFormation::Stack" and nested and nested != event["StackId"]:
            lines += failures(cloudformation, nested, since)
        reason = event.get("ResourceStatusReason", "no reason given")
        lines.append(f"  {stack} {event['LogicalResourceId']} ({event['ResourceType']}): {reason}")
    return lines
