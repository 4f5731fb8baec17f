"""IAM decides on resources and condition keys of a request that ministack does not derive.

- DynamoDB: `dynamodb:LeadingKeys` of operations on one item and of queries. (AWS also checks each item of a transaction.)
  AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
- EventBridge: `events:source` of PutEvents, and ARNs of the default bus's rules, which omit the bus.
  AWS: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
- Glue: permission on the table, its database and the catalog.
  AWS: https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
- CloudWatch Logs: the log stream that a call writes.
  AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Request = dict[str, Any]

STREAM_OPERATIONS = ("CreateLogStream", "PutLogEvents")
#: Services whose request bodies are JSON and are parsed here. The body of an S3 request is an object's bytes.
JSON_SERVICES = ("events", "logs", "glue")


def install() -> None:
    add_condition_keys()
    refine_resources()
    check_glue_ancestors()


def add_condition_keys() -> None:
    from ministack.core import iam_actions
    from ministack.services import dynamodb

    context, tags = iam_actions.dynamodb_service_context, iam_actions.request_tag_context

    def hash_key(table: str | None) -> str | None:
        return dynamodb._tables[table]["pk_name"] if table in dynamodb._tables else None

    def context_with_leading_keys(body: bytes) -> Any:
        return context(body) | leading_keys(parsed(body), hash_key)

    def context_with_sources(service: str, action: str, body: bytes, params: Any) -> Any:
        found = event_sources(parsed(body)) if action == "events:PutEvents" else {}
        return tags(service, action, body, params) | found

    iam_actions.dynamodb_service_context = context_with_leading_keys
    iam_actions.request_tag_context = context_with_sources


def refine_resources() -> None:
    from ministack.core import iam_actions

    extract = iam_actions.extract_resource_arn

    def extract_precisely(
        service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, params: Any, region: str, account: str
    ) -> Any:
        arn = extract(service, method, path, headers, body, params, region, account)
        if service not in JSON_SERVICES:
            return arn
        return precise_arn(service, arn, operation(headers), parsed(body))

    iam_actions.extract_resource_arn = extract_precisely


def check_glue_ancestors() -> None:
    from ministack.core import iam_evaluator

    enforce = iam_evaluator.enforce

    def enforce_on_each(key: str, action: str, service: str, region: str, resource_arn: str = "*", service_context: Any = None) -> Any:
        for arn in glue_arns(resource_arn) if service == "glue" else [resource_arn]:
            if denied := enforce(key, action, service, region, resource_arn=arn, service_context=service_context):
                return denied
        return None

    iam_evaluator.enforce = enforce_on_each


def parsed(body: bytes) -> Request:
    """The JSON object of a request's body; an empty one if the body holds anything else."""
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def operation(headers: Mapping[str, str]) -> str:
    return headers.get("x-amz-target", "").rsplit(".", 1)[-1]


def leading_keys(request: Request, hash_key: Callable[[str | None], str | None]) -> dict[str, list[str]]:
    """`dynamodb:LeadingKeys` of a request. `hash_key` returns the name of a table's partition key."""
    name = hash_key(request.get("TableName"))
    if name is None:
        return {}
    item = request.get("Key") or request.get("Item")
    value = item.get(name) if item else queried_value(request, name)
    return {"dynamodb:LeadingKeys": list(value.values())} if value else {}


def queried_value(request: Request, name: str) -> dict[str, str] | None:
    """The value that a key condition compares the partition key with."""
    aliases = {alias for alias, attribute in request.get("ExpressionAttributeNames", {}).items() if attribute == name} | {name}
    for alias, placeholder in re.findall(r"([#\w]+)\s*=\s*(:\w+)", request.get("KeyConditionExpression", "")):
        if alias in aliases:
            value: dict[str, str] | None = request.get("ExpressionAttributeValues", {}).get(placeholder)
            return value
    return None


def event_sources(request: Request) -> dict[str, str | list[str]]:
    """`events:source` of PutEvents: one source, or the sorted list of several."""
    found = sorted({entry.get("Source", "") for entry in request.get("Entries", [])})
    return {"events:source": found[0] if len(found) == 1 else found} if found else {}


def precise_arn(service: str, arn: str, action: str, request: Request) -> str:
    """The ARN that AWS decides on, given the one that ministack derived."""
    if service == "events":
        return arn.replace(":rule/default/", ":rule/")
    if service == "logs" and action in STREAM_OPERATIONS and arn != "*":
        return f"{arn}:log-stream:{request.get('logStreamName', '')}"
    if service == "glue" and ":database/" in arn and (table := glue_table(request, action)):
        return arn.replace(":database/", ":table/") + f"/{table}"
    return arn


def glue_table(request: Request, action: str) -> str | None:
    named = request.get("Name") if action.endswith("Table") else None
    table: str | None = request.get("TableName") or named or request.get("TableInput", {}).get("Name")
    return table


def glue_arns(arn: str) -> list[str]:
    """The ARNs of a Glue resource and its ancestors, the catalog first."""
    account, _, rest = arn.rpartition(":")
    kind, _, names = rest.partition("/")
    database = names.split("/")[0]
    ancestors = {"table": [f"{account}:catalog", f"{account}:database/{database}"], "database": [f"{account}:catalog"]}
    return [*ancestors.get(kind, []), arn]
