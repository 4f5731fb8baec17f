"""Glue has `UpdatePartition`, which replaces one partition as a whole; ministack has `BatchUpdatePartition` only.

AWS: https://docs.aws.amazon.com/glue/latest/webapi/API_UpdatePartition.html
"""

import json
import time
from collections.abc import Mapping
from typing import Any

TARGET = "AWSGlue.UpdatePartition"
#: Fields that the service keeps even if the request has other values.
KEPT = ("DatabaseName", "TableName", "CreationTime", "CatalogId")


def install() -> None:
    """Adds the operation; other requests go to ministack's handler."""
    from ministack.services import glue

    handle_others = glue._handle_request_sync

    def handle(method: str, path: str, headers: Mapping[str, str], body: bytes, query_params: Any) -> Any:
        target = next((value for name, value in headers.items() if name.lower() == "x-amz-target"), "")
        if target == TARGET:
            return update_partition(json.loads(body))
        return handle_others(method, path, headers, body, query_params)

    glue._handle_request_sync = handle


def update_partition(request: dict[str, Any]) -> Any:
    """Replaces the list entry by one assignment: a concurrent listing sees the old or the new partition."""
    from ministack.services import glue

    key = f"{request.get('DatabaseName')}/{request.get('TableName')}"
    if key not in glue._tables:
        return glue.error_response_json("EntityNotFoundException", f"Table {key} not found", 400)
    partitions, values = glue._partitions.get(key, []), request.get("PartitionValueList")
    for index, partition in enumerate(partitions):
        if partition.get("Values") == values:
            kept = {name: partition.get(name) for name in KEPT}
            partitions[index] = {"Values": values, **request["PartitionInput"], **kept, "LastAccessTime": int(time.time())}
            return glue.json_response({})
    return glue.error_response_json("EntityNotFoundException", f"Partition with values {values} not found", 400)
