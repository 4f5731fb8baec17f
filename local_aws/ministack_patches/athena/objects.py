"""Lists the objects of partitions in ministack's S3.

Athena reads all objects below a location except those whose names begin with `_` or `.`.
AWS: https://docs.aws.amazon.com/athena/latest/ug/troubleshooting-athena.html
"""

import os
from collections.abc import Iterable

from local_aws.ministack_patches.athena.model import DataFile, Partition, StatementError, split_uri


def of_partitions(partitions: Iterable[Partition], workdir: str) -> list[DataFile]:
    """The partitions' objects. Objects that ministack holds in memory are copied to `workdir`."""
    return [file for partition in partitions for file in below(partition.location, partition.values, workdir)]


def below(location: str, values: tuple[str, ...], workdir: str) -> list[DataFile]:
    from ministack.services import s3

    bucket_name, prefix = split_uri(location)
    bucket = s3._buckets.get(bucket_name)
    if bucket is None:
        raise StatementError(f"PERMISSION_DENIED: the bucket of location {location} does not exist")
    found = []
    for key in sorted(key for key in list(bucket["objects"]) if key.startswith(prefix)):
        record = bucket["objects"].get(key)
        if record is None or not record.get("size") or is_hidden(key.removeprefix(prefix)):
            continue
        path = path_on_disk(bucket_name, key, workdir)
        found.append(DataFile(path, f"s3://{bucket_name}/{key}", record["size"], values))
    return found


def keys_in(bucket_name: str) -> list[str]:
    """All keys of a bucket; none if the bucket does not exist."""
    from ministack.services import s3

    return sorted((s3._buckets.get(bucket_name) or {"objects": {}})["objects"])


def is_hidden(relative_key: str) -> bool:
    return relative_key.endswith("/") or any(part.startswith(("_", ".")) for part in relative_key.split("/"))


def path_on_disk(bucket_name: str, key: str, workdir: str) -> str:
    from ministack.services import s3

    path: str | None = s3._object_disk_path(bucket_name, key) if s3.S3_PERSIST else None
    if path and os.path.exists(path):
        return path
    copy = os.path.join(workdir, str(len(os.listdir(workdir))))
    with open(copy, "wb") as file:
        file.write(s3._get_object_data(bucket_name, key) or b"")
    return copy
