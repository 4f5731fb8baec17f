"""Tables, views, objects and results, as the modules of this package pass them."""

from dataclasses import dataclass, field
from urllib.parse import urlparse


class StatementError(Exception):
    """A statement that fails. The message is the reason that Athena reports, with Trino's error name first."""


@dataclass(frozen=True)
class Column:
    """A column of the Glue Data Catalog; `type` is a Hive type."""

    name: str
    type: str


@dataclass(frozen=True)
class Partition:
    values: tuple[str, ...]
    location: str


@dataclass(frozen=True)
class Table:
    database: str
    name: str
    columns: tuple[Column, ...]
    keys: tuple[Column, ...]
    partitions: tuple[Partition, ...]
    format: str


@dataclass(frozen=True)
class View:
    """`schema` is the default database: it holds tables that `sql` names without a database."""

    database: str
    name: str
    sql: str
    schema: str


@dataclass(frozen=True)
class DataFile:
    """One object: its file on disk, its S3 URI, its bytes and its partition's values."""

    path: str
    uri: str
    size: int
    values: tuple[str, ...] = ()


@dataclass
class Result:
    """`rows` hold text, or None for NULL. `scanned_bytes` is the size of the objects that were read."""

    columns: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    scanned_bytes: int = 0


def split_uri(location: str) -> tuple[str, str]:
    """Bucket and key prefix of a location. The prefix ends with a slash: `v1` does not include `v10`."""
    parsed = urlparse(location)
    if parsed.scheme not in ("s3", "s3a", "s3n") or not parsed.netloc:
        raise StatementError(f"INVALID_LOCATION: {location!r} is not an S3 location")
    prefix = parsed.path.lstrip("/")
    return parsed.netloc, prefix if not prefix or prefix.endswith("/") else prefix + "/"
