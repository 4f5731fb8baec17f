"""Spells values as Athena does in results."""

import datetime
import decimal
import math


def text(value: object) -> str | None:
    """A value of a result row; None for NULL."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return trino_double(value)
    if isinstance(value, datetime.datetime):
        stamp = f"{value.replace(tzinfo=None):%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}"
        return f"{stamp} UTC" if value.tzinfo else stamp
    if isinstance(value, bytes):
        return value.hex(" ")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={nested(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(nested(one) for one in value) + "]"
    return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)


def nested(value: object) -> str:
    """A value inside a struct or array."""
    return text(value) or "" if value is not None else "null"


def trino_double(value: float) -> str:
    """Java's text of a double: 0.25, 1.0, 1.0E10."""
    if not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    exact = decimal.Decimal(repr(value))
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        plain = format(exact, "f")
        return plain if "." in plain else f"{plain}.0"
    sign, digits, exponent = exact.normalize().as_tuple()
    mantissa = "".join(map(str, digits))
    return f"{'-' if sign else ''}{mantissa[0]}.{mantissa[1:] or '0'}E{int(exponent) + len(digits) - 1}"
