"""`TimeToLiveSpecification` of a table for the local CloudFormation, which leaves it out; the local DynamoDB knows it."""


def install():
    """Makes tables of templates forget what has expired; the local DynamoDB looks once a minute."""
    from ministack.services import dynamodb
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create, update = handlers["create"], handlers["update"]

    def create_and_set(logical_id, properties, *rest):
        return _set(dynamodb, create(logical_id, properties, *rest), properties)

    def update_and_set(physical_id, old, new, *rest):
        return _set(dynamodb, update(physical_id, old, new, *rest), new)

    handlers.update(create=create_and_set, update=update_and_set)


def _set(dynamodb, made, properties):
    name, _ = made
    if specification := properties.get("TimeToLiveSpecification"):
        # A template's values may be text.
        enabled = str(specification.get("Enabled")).lower() == "true"
        dynamodb._update_ttl({"TableName": name, "TimeToLiveSpecification": {**specification, "Enabled": enabled}})
    return made
