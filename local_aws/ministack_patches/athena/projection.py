"""Partition projection for the local Athena: the partitions that a table's parameters describe, without registration.

Athena makes up every partition of the ranges and looks for its objects; here, the objects that are there say which
partitions can have rows, and those within the ranges are read. Rows are the same. What the parameters do not describe is
not there, whatever lies in the bucket.

Parameters: https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

import datetime
import re

from local_aws.ministack_patches.athena.lake import LakeError, Partition, split_uri

RELATIVE = re.compile(r"\s*NOW\s*(?:([+-])\s*(\d+)\s*(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND)S?\s*)?", re.IGNORECASE)
DAYS = {"DAY": 1, "WEEK": 7, "MONTH": 30, "YEAR": 365}


def enabled(table):
    return (table.get("Parameters") or {}).get("projection.enabled", "").lower() == "true"


def partitions(table):
    """The projected partitions of a Glue table that have objects."""
    from ministack.services import s3

    parameters = table["Parameters"]
    keys = [key["Name"].lower() for key in table.get("PartitionKeys") or []]
    known = {key: domain(key, parameters) for key in keys}
    template = location_template(table, keys)
    bucket, prefix = split_uri(template)
    pattern = re.compile(as_pattern(prefix, keys))
    found = {}
    for name in list((s3._buckets.get(bucket) or {"objects": {}})["objects"]):
        match = pattern.match(name)
        if match and all(known[key](match[key]) for key in keys):
            found[tuple(match[key] for key in keys)] = f"s3://{bucket}/{match[0]}"
    return tuple(Partition(values, location) for values, location in sorted(found.items()))


def location_template(table, keys):
    """Where a partition lies: the table's parameter, or folders named as Hive names them."""
    template = table["Parameters"].get("storage.location.template")
    if template is None:
        location = table["StorageDescriptor"]["Location"].rstrip("/")
        return "/".join([location, *(f"{key}=${{{key}}}" for key in keys)]) + "/"
    missing = [key for key in keys if f"${{{key}}}" not in template]
    if missing:
        raise LakeError(f"INVALID_TABLE_PROPERTY: storage.location.template does not name the partition key {missing[0]}")
    return template


def as_pattern(prefix, keys):
    """The prefix as a regular expression with a group for each key."""
    pattern, seen = "", set()
    for part in re.split(r"(\$\{\w+\})", prefix):
        name = part[2:-1].lower() if part.startswith("${") else None
        if name is None:
            pattern += re.escape(part)
        elif name not in keys:
            raise LakeError(f"INVALID_TABLE_PROPERTY: storage.location.template names {part}, which is no partition key")
        else:
            pattern += f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)"
            seen.add(name)
    return pattern


def domain(key, parameters):
    """Whether a value is one that the parameters of a key describe."""
    kind = parameters.get(f"projection.{key}.type", "").lower()
    if kind == "enum":
        values = {value.strip() for value in required(key, "values", parameters).split(",")}
        return values.__contains__
    if kind == "integer":
        first, last = (int(end) for end in required(key, "range", parameters).split(","))
        step = int(parameters.get(f"projection.{key}.interval", 1))
        digits = int(parameters.get(f"projection.{key}.digits", 0))
        return lambda value: value.isdigit() and value == f"{int(value):0{digits}}" and is_step(int(value), first, last, step)
    if kind == "date":
        return date_domain(key, parameters)
    raise LakeError(f"NOT_SUPPORTED: partition projection of type {kind!r} of {key} is not known to the local Athena")


def is_step(value, first, last, step):
    return first <= value <= last and (value - first) % step == 0


def date_domain(key, parameters):
    """Whole days: the one format and interval that the local Athena knows."""
    if required(key, "format", parameters) != "yyyy-MM-dd" or parameters.get(f"projection.{key}.interval.unit", "DAYS") != "DAYS":
        raise LakeError(f"NOT_SUPPORTED: the local Athena projects dates as yyyy-MM-dd by DAYS alone, not {key}")
    first, last = (day(end, key) for end in required(key, "range", parameters).split(","))
    step = int(parameters.get(f"projection.{key}.interval", 1))

    def described(value):
        try:
            date = datetime.date.fromisoformat(value)
        except ValueError:
            return False
        return date.isoformat() == value and is_step(date.toordinal(), first.toordinal(), last.toordinal(), step)

    return described


def day(text, key):
    relative = RELATIVE.fullmatch(text)
    if not relative:
        try:
            return datetime.date.fromisoformat(text.strip())
        except ValueError as error:
            raise LakeError(f"INVALID_TABLE_PROPERTY: projection.{key}.range: {text!r} is no date") from error
    sign, count, unit = relative.groups()
    today = datetime.datetime.now(datetime.timezone.utc)
    if unit is None:
        return today.date()
    unit = unit.upper()
    seconds = {"HOUR": 3600, "MINUTE": 60, "SECOND": 1}.get(unit) or 86400 * DAYS[unit]
    return (today + datetime.timedelta(seconds=int(f"{sign}{count}") * seconds)).date()


def required(key, name, parameters):
    value = parameters.get(f"projection.{key}.{name}")
    if not value:
        raise LakeError(f"INVALID_TABLE_PROPERTY: projection.{key}.{name} is missing")
    return value
