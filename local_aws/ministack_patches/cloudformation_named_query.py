"""CloudFormation creates `AWS::Athena::NamedQuery`; ministack fails on the type and rolls the stack back.

AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-athena-namedquery.html
"""

from typing import Any

REQUIRED = ("Database", "QueryString")


def install() -> None:
    """Registers the type. Athena's API then returns the saved queries."""
    from ministack.services.cloudformation import provisioners

    handlers = {"create": create, "update": update, "delete": delete}
    provisioners._RESOURCE_HANDLERS.setdefault("AWS::Athena::NamedQuery", handlers)


def create(logical_id: str, properties: dict[str, Any], _stack_name: str) -> tuple[str, dict[str, Any]]:
    from ministack.core.responses import new_uuid
    from ministack.services import athena

    for name in REQUIRED:
        if not properties.get(name):
            raise ValueError(f"Property validation failure: [The property {{/{name}}} is required]")
    query_id: str = new_uuid()
    athena._named_queries[query_id] = {
        "NamedQueryId": query_id,
        "Name": properties.get("Name") or logical_id,
        "Description": properties.get("Description", ""),
        "Database": properties["Database"],
        "QueryString": properties["QueryString"],
        "WorkGroup": properties.get("WorkGroup", "primary"),
    }
    return query_id, {"NamedQueryId": query_id}


def update(physical_id: str, _old: dict[str, Any], new: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
    delete(physical_id, {})
    return create(physical_id, new, stack_name)


def delete(physical_id: str, _properties: dict[str, Any]) -> None:
    from ministack.services import athena

    athena._named_queries.pop(physical_id, None)
