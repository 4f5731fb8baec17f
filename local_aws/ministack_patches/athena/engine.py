"""Runs a translated query on DuckDB: creates a view for each scan, over the objects that the scan reads."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
from sqlglot import exp

from local_aws.ministack_patches.athena import catalog, objects
from local_aws.ministack_patches.athena.model import DataFile, Partition, Result, StatementError, Table
from local_aws.ministack_patches.athena.result_text import text
from local_aws.ministack_patches.athena.scan import Scan
from local_aws.ministack_patches.athena.translation import translate
from local_aws.ministack_patches.athena.type_names import duckdb_type, is_readable_as, trino_type

BATCH_ROWS = 10_000
PATH_COLUMN = '"$path"'


@dataclass
class PreparedQuery:
    """A DuckDB query whose scans exist in `connection`, and the bytes of the objects that it will read."""

    connection: duckdb.DuckDBPyConnection
    sql: str
    scanned_bytes: int


def run(sql: str, database: str, parameters: Sequence[str] = ()) -> Result:
    """The result of a query. Raises StatementError with Athena's reason."""
    with prepared(sql, database, parameters) as query:
        cursor = query.connection.execute(query.sql)
        columns = [column[0] for column in cursor.description]
        types = [trino_type(column[1]) for column in cursor.description]
        rows: list[list[str | None]] = []
        while batch := cursor.fetchmany(BATCH_ROWS):
            rows += [[text(value) for value in row] for row in batch]
        return Result(columns, types, rows, query.scanned_bytes)


@contextmanager
def prepared(sql: str, database: str, parameters: Sequence[str] = ()) -> Iterator[PreparedQuery]:
    """Errors of DuckDB in the `with` block become StatementError."""
    translation = translate(sql, database, catalog.lookup, parameters)
    with tempfile.TemporaryDirectory() as workdir, duckdb.connect(":memory:") as connection:
        try:
            connection.execute("SET TimeZone = 'UTC'; SET autoinstall_known_extensions = false")
            scanned = sum(create_view(connection, scan, translation.sql, workdir) for scan in translation.scans)
            yield PreparedQuery(connection, translation.sql, scanned)
        except duckdb.Error as error:
            raise StatementError(f"{trino_error(error)}: {str(error).splitlines()[0]}") from error


def described(sql: str, database: str) -> list[tuple[str, str]]:
    """Names and DuckDB types of a query's columns."""
    with prepared(sql, database) as query:
        return described_by(query.connection, query.sql)


def described_by(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, *_ in connection.execute(f"DESCRIBE {query}").fetchall()]


def trino_error(error: duckdb.Error) -> str:
    """Trino's name for an error of DuckDB."""
    if isinstance(error, duckdb.BinderException) and "Referenced column" in str(error):
        return "COLUMN_NOT_FOUND"
    if isinstance(error, duckdb.BinderException | duckdb.ParserException | duckdb.CatalogException):
        return "SYNTAX_ERROR"
    if isinstance(error, duckdb.ConversionException):
        return "INVALID_CAST_ARGUMENT"
    return "GENERIC_INTERNAL_ERROR"


def create_view(connection: duckdb.DuckDBPyConnection, scan: Scan, query: str, workdir: str) -> int:
    """Creates the scan's view and returns the bytes of the objects behind it."""
    partitions = matching_partitions(connection, scan)
    files: list[DataFile] = []
    if scan.partitions_only:
        relation = partition_rows(scan.table, partitions)
    else:
        files = objects.of_partitions(partitions, workdir)
        relation = object_rows(connection, scan.table, files, with_path=PATH_COLUMN in query)
    connection.execute(f'CREATE VIEW "{scan.name}" AS {relation}')
    return sum(file.size for file in files)


def matching_partitions(connection: duckdb.DuckDBPyConnection, scan: Scan) -> tuple[Partition, ...]:
    """The table's partitions whose values fulfil the scan's conditions. DuckDB evaluates these over the values."""
    partitions = scan.table.partitions
    if not scan.table.keys or not scan.conditions or not partitions:
        return partitions
    names = ", ".join(quoted(key.name) for key in scan.table.keys)
    values = ", ".join(tuple_of([str(index), *map(literal, one.values)]) for index, one in enumerate(partitions))
    kept = set(range(len(partitions)))
    for condition in scan.conditions:
        unqualified = condition.copy()
        for column in unqualified.find_all(exp.Column):
            column.set("table", None)
        query = f'SELECT "#" FROM (VALUES {values}) AS p("#", {names}) WHERE {unqualified.sql("duckdb")}'
        kept &= {index for (index,) in connection.execute(query).fetchall()}
    return tuple(partitions[index] for index in sorted(kept))


def partition_rows(table: Table, partitions: Iterable[Partition]) -> str:
    """A SELECT of one row for each partition: the values of its keys."""
    names = ", ".join(quoted(key.name) for key in table.keys)
    values = ", ".join(tuple_of(map(literal, one.values)) for one in partitions)
    if not values:
        return f"SELECT * FROM (VALUES {tuple_of(['NULL::VARCHAR'] * len(table.keys))}) AS p({names}) WHERE false"
    return f"SELECT * FROM (VALUES {values}) AS p({names})"


def object_rows(connection: duckdb.DuckDBPyConnection, table: Table, files: list[DataFile], with_path: bool) -> str:
    """A SELECT of the table's declared columns and keys over these objects."""
    if not files:
        columns = [null_column(one.name, duckdb_type(one.type)) for one in table.columns + table.keys]
        columns += [f"NULL::VARCHAR AS {PATH_COLUMN}"] if with_path else []
        return f"SELECT {', '.join(columns)} WHERE false"
    reader = reader_of(table, files)
    projected = declared_columns(connection, table, reader)
    names = [f"k{index}" for index in range(len(table.keys))]
    projected += [f"CAST(m.{name} AS {duckdb_type(key.type)}) AS {quoted(key.name)}" for name, key in zip(names, table.keys, strict=True)]
    projected += [f"m.uri AS {PATH_COLUMN}"] if with_path else []
    rows = ", ".join(tuple_of(map(literal, [file.path, file.uri, *file.values])) for file in files)
    values_by_path = f"(VALUES {rows}) AS m({', '.join(['path', 'uri', *names])})"
    return f"SELECT {', '.join(projected)} FROM {reader} AS f JOIN {values_by_path} ON f.__file = m.path"


def reader_of(table: Table, files: list[DataFile]) -> str:
    paths = "[" + ", ".join(literal(file.path) for file in files) + "]"
    if table.format == "parquet":
        return f"read_parquet({paths}, union_by_name = true, hive_partitioning = false, filename = '__file')"
    if table.format == "json":
        columns = ", ".join(f"{literal(one.name)}: {literal(duckdb_type(one.type))}" for one in table.columns)
        options = "format = 'newline_delimited', hive_partitioning = false, filename = '__file'"
        return f"read_json({paths}, columns = {{{columns}}}, {options})"
    raise StatementError(f"NOT_SUPPORTED: the local Athena does not know the format {table.format!r} of {table.name}")


def declared_columns(connection: duckdb.DuckDBPyConnection, table: Table, reader: str) -> list[str]:
    """Each declared column, cast to its type. A column that the objects lack is NULL; one of an incompatible type is an error."""
    found = {name.lower(): kind for name, kind in described_by(connection, f"SELECT * FROM {reader}")}
    projected = []
    for column in table.columns:
        declared, kind = duckdb_type(column.type), found.get(column.name)
        if kind is None:
            projected.append(null_column(column.name, declared))
            continue
        [(declared_name,)] = connection.execute(f"SELECT typeof(CAST(NULL AS {declared}))").fetchall()
        if not is_readable_as(kind, declared_name):
            raise StatementError(
                f"HIVE_BAD_DATA: Field {column.name}'s type {kind} in the objects of {table.name} is incompatible "
                f"with type {declared_name} defined in table schema"
            )
        projected.append(f"CAST(f.{quoted(column.name)} AS {declared}) AS {quoted(column.name)}")
    return projected


def null_column(name: str, kind: str) -> str:
    return f"CAST(NULL AS {kind}) AS {quoted(name)}"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def tuple_of(texts: Iterable[str]) -> str:
    return "(" + ", ".join(texts) + ")"
