"""Deploys the project's template to the local AWS: renders it, uploads what it refers to, creates or updates the stack.

Rendering does what `aws cloudformation package` does, without its start-up time and with one addition: a function's
code comes from the build folder of the local AWS, whatever its `CodeUri` says. The template itself is never touched.
"""

import hashlib
import io
import json
import time
import zipfile
from pathlib import Path

import yaml
from botocore.exceptions import ClientError

ARTIFACTS = "local-artifacts"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class DeployFailed(Exception):
    """The stack did not reach a complete state; the message lists the resources that failed and why."""


def deploy(client, template, functions, stack, parameters, timeout_secs=120):
    """Brings `stack` to `template` with `parameters`; answers the stack's outputs.

    `client(service)` makes boto3 clients; `functions/<logical id>/bootstrap` is each function's binary.
    """
    cloudformation = client("cloudformation")
    url = Renderer(client("s3"), functions).publish(template)
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
            raise DeployFailed(f"{stack}: {status}\n" + "\n".join(failures(cloudformation, stack, since)))
    return outputs(cloudformation, stack)


def outputs(cloudformation, stack):
    """The stack's outputs by name."""
    description = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def parameters_of(template):
    """The parameters that the template declares, with their definitions."""
    return yaml.load(Path(template).read_text(), Loader=TemplateLoader).get("Parameters", {})


def physical_id(cloudformation, stack, logical_id):
    """What a resource of the stack or of its nested stacks is called; raises KeyError if there is none."""
    nested = []
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
        for resource in page["StackResourceSummaries"]:
            if resource["LogicalResourceId"] == logical_id:
                return resource["PhysicalResourceId"]
            if resource["ResourceType"] == "AWS::CloudFormation::Stack":
                nested.append(resource["PhysicalResourceId"])
    for one in nested:
        try:
            return physical_id(cloudformation, one, logical_id)
        except KeyError:
            continue
    raise KeyError(f"{stack} has no resource {logical_id}")


class Renderer:
    """Turns a template and all it refers to into objects of the artifact bucket, named by their content."""

    def __init__(self, s3, functions):
        self.s3 = s3
        self.functions = Path(functions)
        s3.create_bucket(Bucket=ARTIFACTS)

    def publish(self, template):
        """Uploads the rendered template, after everything it refers to; answers its URL."""
        template = Path(template)
        document = yaml.load(template.read_text(), Loader=TemplateLoader)
        for logical_id, resource in document.get("Resources", {}).items():
            self.render(logical_id, resource, template.parent)
        key = self.upload(json.dumps(document, default=str).encode(), ".template")
        return f"https://s3.us-east-1.amazonaws.com/{ARTIFACTS}/{key}"

    def render(self, logical_id, resource, folder):
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind == "AWS::Serverless::Function":
            properties["CodeUri"] = self.code(logical_id)
        elif kind == "AWS::Serverless::StateMachine" and isinstance(properties.get("DefinitionUri"), str):
            definition = (folder / properties["DefinitionUri"]).read_bytes()
            properties["DefinitionUri"] = {"Bucket": ARTIFACTS, "Key": self.upload(definition, ".asl.json")}
        elif kind == "AWS::Serverless::Application" and is_file_name(properties.get("Location")):
            properties["Location"] = self.publish(folder / properties["Location"])
        elif kind == "AWS::CloudFormation::Stack" and is_file_name(properties.get("TemplateURL")):
            properties["TemplateURL"] = self.publish(folder / properties["TemplateURL"])

    def code(self, logical_id):
        bootstrap = self.functions / logical_id / "bootstrap"
        if not bootstrap.exists():
            raise DeployFailed(f"{logical_id}: no binary at {bootstrap}")
        key = f"{digest(bootstrap.read_bytes())}.zip"
        if not self.exists(key):
            self.s3.put_object(Bucket=ARTIFACTS, Key=key, Body=zipped(bootstrap))
        return {"Bucket": ARTIFACTS, "Key": key}

    def upload(self, content, suffix):
        key = digest(content) + suffix
        if not self.exists(key):
            self.s3.put_object(Bucket=ARTIFACTS, Key=key, Body=content)
        return key

    def exists(self, key):
        try:
            self.s3.head_object(Bucket=ARTIFACTS, Key=key)
            return True
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            return False


def is_file_name(location):
    return isinstance(location, str) and "://" not in location


def digest(content):
    return hashlib.sha256(content).hexdigest()[:32]


def zipped(bootstrap):
    """Stored, not deflated: it travels one memory copy, and deflating a debug binary takes seconds."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        entry = zipfile.ZipInfo("bootstrap", date_time=(2020, 1, 1, 0, 0, 0))
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, bootstrap.read_bytes())
    return buffer.getvalue()


class TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref`, `!GetAtt`, …) turned into the long ones."""


def long_form(loader, tag, node):
    name = tag if tag in ("Ref", "Condition") else f"Fn::{tag}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if tag == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name: value}


TemplateLoader.add_multi_constructor("!", long_form)


def create_or_update(cloudformation, request):
    """Answers whether anything is under way."""
    status = stack_status(cloudformation, request["StackName"])
    if status in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED", "DELETE_FAILED"):
        cloudformation.delete_stack(StackName=request["StackName"])
        wait(cloudformation, request["StackName"], 60)
        status = None
    if status is None:
        cloudformation.create_stack(**request)
        return True
    try:
        cloudformation.update_stack(**request)
        return True
    except ClientError as error:
        if "No updates are to be performed" in error.response["Error"]["Message"]:
            return False
        raise


def stack_status(cloudformation, stack):
    try:
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    return None if status == "DELETE_COMPLETE" else status


def wait(cloudformation, stack, timeout_secs):
    deadline = time.monotonic() + timeout_secs
    while (status := stack_status(cloudformation, stack)) and status.endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise DeployFailed(f"{stack}: still {status} after {timeout_secs} s")
        time.sleep(0.1)
    return status


def failures(cloudformation, stack, since):
    """One line for each resource that failed, nested stacks' own resources included."""
    lines = []
    for event in cloudformation.describe_stack_events(StackName=stack)["StackEvents"]:
        if event["Timestamp"].timestamp() < since:
            continue
        nested = event.get("PhysicalResourceId")
        if event["ResourceType"] == "AWS::CloudFormation::Stack" and nested and nested != event["StackId"]:
            if event["ResourceStatus"].endswith("FAILED"):
                lines += failures(cloudformation, nested, since)
        if event["ResourceStatus"].endswith("FAILED"):
            reason = event.get("ResourceStatusReason", "no reason given")
            lines.append(f"  {stack} {event['LogicalResourceId']} ({event['ResourceType']}): {reason}")
    return lines
