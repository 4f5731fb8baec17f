"""Runs one translated query on DuckDB: makes each scan a view over the objects it reads, formats rows as Athena does."""

import datetime
import decimal
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
from sqlglot import exp

from local_aws.ministack_patches.athena import lake
from local_aws.ministack_patches.athena.hive_types import duckdb_type, readable_as, trino_type
from local_aws.ministack_patches.athena.lake import LakeError
from local_aws.ministack_patches.athena.trino import translate

ROWS_A_BATCH = 10_000


@dataclass
class Result:
    """Column names, Athena's type names, rows of text (None for NULL), and the bytes of the objects read."""

    columns: list
    types: list
    rows: list
    scanned_bytes: int = 0


def run(sql, database, parameters=()):
    """Answers a query's result; raises LakeError with Athena's reason."""
    with prepared(sql, database, parameters) as (connection, statement, scanned):
        cursor = connection.execute(statement)
        columns = [one[0] for one in cursor.description]
        types = [trino_type(one[1]) for one in cursor.description]
        rows = []
        while batch := cursor.fetchmany(ROWS_A_BATCH):
            rows += [[text(value) for value in row] for row in batch]
        return Result(columns, types, rows, scanned)


@contextmanager
def prepared(sql, database, parameters=()):
    """A connection in which the translated statement can be run, the statement, and the bytes it will scan."""
    translation = translate(sql, database, lake.lookup, parameters)
    with tempfile.TemporaryDirectory() as workdir, duckdb.connect(":memory:") as connection:
        try:
            connection.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false")
            scanned = sum(make_view(connection, scan, translation.sql, workdir) for scan in translation.scans)
            yield connection, translation.sql, scanned
        except duckdb.Error as error:
            raise LakeError(f"{reason(error)}: {str(error).splitlines()[0]}") from error


def reason(error):
    """Trino's name for what DuckDB says."""
    if isinstance(error, duckdb.BinderException) and "Referenced column" in str(error):
        return "COLUMN_NOT_FOUND"
    if isinstance(error, (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException)):
        return "SYNTAX_ERROR"
    if isinstance(error, duckdb.ConversionException):
        return "INVALID_CAST_ARGUMENT"
    return "GENERIC_INTERNAL_ERROR"


def make_view(connection, scan, statement, workdir):
    """Creates the scan's relation; answers the bytes of the objects behind it."""
    partitions = matching(connection, scan)
    if scan.partitions_only:
        relation, files = listing(scan.table, partitions), []
    else:
        files = lake.files(scan.table, partitions, workdir)
        relation = rows_of(connection, scan.table, files, with_path='"$path"' in statement)
    connection.execute(f'CREATE VIEW "{scan.name}" AS {relation}')
    return sum(file.size for file in files)


def matching(connection, scan):
    """The registered partitions that satisfy the scan's conditions."""
    partitions = scan.table.partitions
    if not scan.table.keys or not scan.conditions or not partitions:
        return partitions
    names = ", ".join(quoted(key.name) for key in scan.table.keys)
    values = ", ".join(tuple_of([str(index), *map(literal, one.values)]) for index, one in enumerate(partitions))
    kept = set(range(len(partitions)))
    for condition in scan.conditions:
        for column in (condition := condition.copy()).find_all(exp.Column):
            column.set("table", None)
        query = f'SELECT "#" FROM (VALUES {values}) AS p("#", {names}) WHERE {condition.sql("duckdb")}'
        kept &= {index for (index,) in connection.execute(query).fetchall()}
    return tuple(partitions[index] for index in sorted(kept))


def listing(table, partitions):
    """The partition keys of the registered partitions, one row each."""
    names = ", ".join(quoted(key.name) for key in table.keys)
    values = ", ".join(tuple_of(map(literal, one.values)) for one in partitions)
    if not values:
        return f"SELECT * FROM (VALUES {tuple_of(['NULL::VARCHAR'] * len(table.keys))}) AS p({names}) WHERE false"
    return f"SELECT * FROM (VALUES {values}) AS p({names})"


def rows_of(connection, table, files, with_path):
    """The table's declared columns and keys over these objects; zero rows of the same types if there are none."""
    if not files:
        columns = [f"CAST(NULL AS {duckdb_type(one.type)}) AS {quoted(one.name)}" for one in table.columns + table.keys]
        columns += ['NULL::VARCHAR AS "$path"'] if with_path else []
        return f"SELECT {', '.join(columns)} WHERE false"
    reader = reader_of(table, files)
    projected = declared(connection, table, reader)
    names = [f"k{index}" for index in range(len(table.keys))]
    projected += [
        f"CAST(m.{name} AS {duckdb_type(key.type)}) AS {quoted(key.name)}" for name, key in zip(names, table.keys)
    ]
    projected += ['m.uri AS "$path"'] if with_path else []
    places = ", ".join(tuple_of(map(literal, [one.path, one.uri, *one.values])) for one in files)
    places = f"(VALUES {places}) AS m({', '.join(['path', 'uri', *names])})"
    return f"SELECT {', '.join(projected)} FROM {reader} AS f JOIN {places} ON f.__file = m.path"


def reader_of(table, files):
    paths = "[" + ", ".join(literal(file.path) for file in files) + "]"
    if table.format == "parquet":
        return f"read_parquet({paths}, union_by_name = true, hive_partitioning = false, filename = '__file')"
    if table.format == "json":
        columns = ", ".join(f"{literal(one.name)}: {literal(duckdb_type(one.type))}" for one in table.columns)
        options = "format = 'newline_delimited', hive_partitioning = false, filename = '__file'"
        return f"read_json({paths}, columns = {{{columns}}}, {options})"
    raise LakeError(f"NOT_SUPPORTED: format {table.format!r} of {table.name} is not known to the local Athena")


def declared(connection, table, reader):
    """Each declared column from the objects; absent ones are NULL, others must have a type that Athena would read."""
    found = {name.lower(): kind for name, kind, *_ in connection.execute(f"DESCRIBE SELECT * FROM {reader}").fetchall()}
    projected = []
    for column in table.columns:
        wanted, kind = duckdb_type(column.type), found.get(column.name)
        if kind is None:
            projected.append(f"CAST(NULL AS {wanted}) AS {quoted(column.name)}")
            continue
        (wanted_name,) = connection.execute(f"SELECT typeof(CAST(NULL AS {wanted}))").fetchone()
        if not readable_as(kind, wanted_name):
            raise LakeError(
                f"HIVE_BAD_DATA: Field {column.name}'s type {kind} in the objects of {table.name} is incompatible "
                f"with type {wanted_name} defined in table schema"
            )
        projected.append(f"CAST(f.{quoted(column.name)} AS {wanted}) AS {quoted(column.name)}")
    return projected


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def literal(value):
    return "'" + str(value).replace("'", "''") + "'"


def tuple_of(texts):
    return "(" + ", ".join(texts) + ")"


def text(value):
    """A value as Athena writes it into results."""
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
        return " ".join(f"{byte:02x}" for byte in value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={inner(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(inner(one) for one in value) + "]"
    return format(value, "f") if isinstance(value, decimal.Decimal) else str(value)


def inner(value):
    return "null" if value is None else text(value)


def trino_double(value):
    """Java's text of a double: 0.25, 1.0, 1.0E10."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        digits = format(decimal.Decimal(repr(value)), "f")
        return digits if "." in digits else f"{digits}.0"
    sign, digits, exponent = decimal.Decimal(repr(value)).normalize().as_tuple()
    mantissa = "".join(map(str, digits))
    return f"{'-' if sign else ''}{mantissa[0]}.{mantissa[1:] or '0'}E{exponent + len(digits) - 1}"
