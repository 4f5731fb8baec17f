"""What IAM decides by, where the local AWS knows less of a request than AWS does.

DynamoDB: `dynamodb:LeadingKeys` of calls on one item and of queries (not of transactions, which AWS asks for each item).
EventBridge: `events:source` of PutEvents, and rules of the default bus without the bus's name. Glue: the table that a call is
on, besides catalog and database. CloudWatch Logs: the stream that is written to.
"""

import json
import re

STREAM_CALLS = ("CreateLogStream", "PutLogEvents")


def install():
    """Makes the local IAM see these, and decide as before."""
    from ministack.core import iam_actions, iam_evaluator
    from ministack.services import dynamodb

    context, tags = iam_actions.dynamodb_service_context, iam_actions.request_tag_context
    resource, enforce = iam_actions.extract_resource_arn, iam_evaluator.enforce

    def hash_key(table):
        return dynamodb._tables[table]["pk_name"] if table in dynamodb._tables else None

    def with_leading_keys(body):
        return context(body) | leading_keys(parsed(body), hash_key)

    def with_sources(service, action, body, params):
        return tags(service, action, body, params) | (sources(parsed(body)) if action == "events:PutEvents" else {})

    def precise(service, method, path, headers, body, params, region, account):
        arn = resource(service, method, path, headers, body, params, region, account)
        known = service not in ("events", "logs", "glue")  # an object's bytes are not for reading
        return arn if known else precise_arn(service, arn, action_of(headers), parsed(body))

    def enforce_all(key, action, service, region, resource_arn="*", service_context=None):
        for arn in glue_arns(resource_arn) if service == "glue" else [resource_arn]:
            if denied := enforce(key, action, service, region, resource_arn=arn, service_context=service_context):
                return denied
        return None

    iam_actions.dynamodb_service_context, iam_actions.request_tag_context = with_leading_keys, with_sources
    iam_actions.extract_resource_arn, iam_evaluator.enforce = precise, enforce_all


def parsed(body):
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def action_of(headers):
    return headers.get("x-amz-target", "").rsplit(".", 1)[-1]


def leading_keys(request, hash_key):
    """`dynamodb:LeadingKeys` of a request; `hash_key` tells the name of a table's."""
    name = hash_key(request.get("TableName"))
    if name is None:
        return {}
    item = request.get("Key") or request.get("Item")
    value = item.get(name) if item else queried(request, name)
    return {"dynamodb:LeadingKeys": list(value.values())} if value else {}


def queried(request, name):
    """The value that a query's condition asks of the hash key."""
    names = {placeholder for placeholder, real in request.get("ExpressionAttributeNames", {}).items() if real == name} | {name}
    for placeholder, value in re.findall(r"([#\w]+)\s*=\s*(:\w+)", request.get("KeyConditionExpression", "")):
        if placeholder in names:
            return request.get("ExpressionAttributeValues", {}).get(value)
    return None


def sources(request):
    """`events:source` of PutEvents."""
    found = sorted({entry.get("Source", "") for entry in request.get("Entries", [])})
    return {"events:source": found[0] if len(found) == 1 else found} if found else {}


def precise_arn(service, arn, action, request):
    """The ARN that AWS would decide on, given the one that the local AWS found."""
    if service == "events":
        return arn.replace(":rule/default/", ":rule/")
    if service == "logs" and action in STREAM_CALLS and arn != "*":
        return f"{arn}:log-stream:{request.get('logStreamName', '')}"
    if service == "glue" and ":database/" in arn and (table := glue_table(request, action)):
        return arn.replace(":database/", ":table/") + f"/{table}"
    return arn


def glue_table(request, action):
    named = request.get("Name") if action.endswith("Table") else None
    return request.get("TableName") or named or request.get("TableInput", {}).get("Name")


def glue_arns(arn):
    """Glue asks for the table, its database and the catalog; the innermost comes last."""
    account, _, rest = arn.rpartition(":")
    kind, _, names = rest.partition("/")
    database = names.split("/")[0]
    above = {"table": [f"{account}:catalog", f"{account}:database/{database}"], "database": [f"{account}:catalog"]}
    return [*above.get(kind, []), arn]
