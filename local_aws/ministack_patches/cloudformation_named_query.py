"""`AWS::Athena::NamedQuery` for the local CloudFormation, which does not know the type."""


def install():
    """Makes stacks with named queries deploy, and the queries answer to Athena's own calls."""
    from ministack.services.cloudformation import provisioners

    provisioners._RESOURCE_HANDLERS.setdefault(
        "AWS::Athena::NamedQuery", {"create": create, "update": update, "delete": delete}
    )


def create(logical_id, properties, _stack_name):
    from ministack.core.responses import new_uuid
    from ministack.services import athena

    for name in ("Database", "QueryString"):
        if not properties.get(name):
            raise ValueError(f"Property validation failure: [The property {{/{name}}} is required]")
    query_id = new_uuid()
    athena._named_queries[query_id] = {
        "NamedQueryId": query_id,
        "Name": properties.get("Name") or logical_id,
        "Description": properties.get("Description", ""),
        "Database": properties["Database"],
        "QueryString": properties["QueryString"],
        "WorkGroup": properties.get("WorkGroup", "primary"),
    }
    return query_id, {"NamedQueryId": query_id}


def update(physical_id, _old_properties, properties, stack_name):
    delete(physical_id, {})
    return create(physical_id, properties, stack_name)


def delete(physical_id, _properties):
    from ministack.services import athena

    athena._named_queries.pop(physical_id, None)
