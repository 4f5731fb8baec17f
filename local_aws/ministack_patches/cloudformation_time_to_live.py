"""CloudFormation applies a table's `TimeToLiveSpecification`; ministack ignores the property, although its DynamoDB expires items.

AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-dynamodb-table-timetolivespecification.html
"""

from typing import Any


def install() -> None:
    """Sets the time to live after a table is created or updated. ministack deletes expired items once a minute."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::DynamoDB::Table"]
    create, update = handlers["create"], handlers["update"]

    def create_with_time_to_live(logical_id: str, properties: dict[str, Any], *rest: Any) -> Any:
        created = create(logical_id, properties, *rest)
        set_time_to_live(created[0], properties)
        return created

    def update_with_time_to_live(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Any:
        updated = update(physical_id, old, new, *rest)
        set_time_to_live(updated[0], new)
        return updated

    handlers.update(create=create_with_time_to_live, update=update_with_time_to_live)


def set_time_to_live(table: str, properties: dict[str, Any]) -> None:
    from ministack.services import dynamodb

    if specification := properties.get("TimeToLiveSpecification"):
        enabled = str(specification.get("Enabled")).lower() == "true"  # a template may hold the text "true"
        dynamodb._update_ttl({"TableName": table, "TimeToLiveSpecification": {**specification, "Enabled": enabled}})
