"""Glue's `UpdatePartition` for the local Glue, which knows the batch form alone.

The partition is replaced as a whole: a query that lists partitions meanwhile sees the one before or the one after.
"""

import json
import time

TARGET = "AWSGlue.UpdatePartition"


def install():
    """Makes the local Glue answer `UpdatePartition`, and all else as before."""
    from ministack.services import glue

    others = glue._handle_request_sync

    def handle(method, path, headers, body, query_params):
        target = next((value for name, value in headers.items() if name.lower() == "x-amz-target"), "")
        if target == TARGET:
            return update(glue, json.loads(body))
        return others(method, path, headers, body, query_params)

    glue._handle_request_sync = handle


def update(glue, request):
    key = f"{request.get('DatabaseName')}/{request.get('TableName')}"
    if key not in glue._tables:
        return glue.error_response_json("EntityNotFoundException", f"Table {key} not found", 400)
    partitions, values = glue._partitions.get(key, []), request.get("PartitionValueList")
    for index, partition in enumerate(partitions):
        if partition.get("Values") == values:
            kept = {name: partition.get(name) for name in ("DatabaseName", "TableName", "CreationTime", "CatalogId")}
            partitions[index] = {"Values": values, **request["PartitionInput"], **kept, "LastAccessTime": int(time.time())}
            return glue.json_response({})
    return glue.error_response_json("EntityNotFoundException", f"Partition with values {values} not found", 400)
