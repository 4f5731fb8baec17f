"""Translates a Trino query to DuckDB: binds parameters, expands views, and names the scans that the query needs.

AWS: https://docs.aws.amazon.com/athena/latest/ug/functions.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.scope import traverse_scope

from local_aws.ministack_patches.athena import pruning
from local_aws.ministack_patches.athena.checks import check_columns, reject_duckdb_syntax
from local_aws.ministack_patches.athena.model import StatementError, Table, View
from local_aws.ministack_patches.athena.scan import Scan

#: Returns the table or view of a database and name, or raises StatementError.
Lookup = Callable[[str, str], Table | View]

MAX_VIEW_DEPTH = 16
PARTITIONS_SUFFIX = "$partitions"


@dataclass
class Translation:
    """A DuckDB query. Each scan's name in it stands for a relation that the caller creates first."""

    sql: str
    scans: list[Scan]


def translate(sql: str, database: str, lookup: Lookup, parameters: Sequence[str] = ()) -> Translation:
    tree = expand_views(parse(bind(sql, parameters)), database, lookup)
    scans = {id(node): make_scan(index, node, database, lookup) for index, node in enumerate(table_nodes(tree))}
    check_columns(tree, scans)
    pruning.assign_conditions(tree, scans)
    for node in table_nodes(tree):
        rename_table(node, scans[id(node)].name)
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    name_columns(tree)
    return Translation(annotate_types(tree, dialect="trino").sql(dialect="duckdb"), list(scans.values()))


def bind(sql: str, parameters: Sequence[str]) -> str:
    """Replaces each `?` by its parameter, which is SQL text.

    AWS: https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
    """
    marks = [token for token in tokens_of(sql) if token.token_type == TokenType.PLACEHOLDER]
    if len(marks) != len(parameters):
        counts = f"expected {len(marks)} but found {len(parameters)}"
        raise StatementError(f"INVALID_PARAMETER_USAGE: Incorrect number of parameters: {counts}")
    for mark, text in reversed(list(zip(marks, parameters, strict=True))):
        check_parameter(text)
        sql = sql[: mark.start] + text + sql[mark.end + 1 :]
    return sql


def check_parameter(text: str) -> None:
    """A parameter is a literal, a cast or a function of literals."""
    try:
        tree = sqlglot.parse_one(text, read="trino")
    except SqlglotError as error:
        raise StatementError(f"SYNTAX_ERROR: parameter {text}: {first_line(error)}") from error
    column = tree.find(exp.Column)
    if column is not None:
        raise StatementError(f"COLUMN_NOT_FOUND: parameter {text}: Column '{column.name}' cannot be resolved")
    if isinstance(tree, exp.Query | exp.DDL | exp.Command):
        raise StatementError(f"SYNTAX_ERROR: parameter {text} is not an expression")


def parse(sql: str) -> exp.Expr:
    """The tree of the one query in `sql`."""
    tokens = tokens_of(sql)
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="trino") if tree is not None]
    except SqlglotError as error:
        raise StatementError(f"SYNTAX_ERROR: {first_line(error)}") from error
    if len(trees) != 1:
        raise StatementError(f"SYNTAX_ERROR: one statement is expected, not {len(trees)}")
    [tree] = trees
    if not isinstance(tree, exp.Query | exp.Subquery):
        raise StatementError(f"NOT_SUPPORTED: the local Athena does not know {tree.key.upper()}")
    reject_duckdb_syntax(tokens, tree)
    return tree


def tokens_of(sql: str) -> list[Token]:
    try:
        return list(sqlglot.tokenize(sql, read="trino"))
    except SqlglotError as error:
        raise StatementError(f"SYNTAX_ERROR: {first_line(error)}") from error


def first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def table_nodes(tree: exp.Expr) -> list[exp.Table]:
    """The nodes that name tables or views, without common table expressions, in a fixed order."""
    nodes: dict[int, exp.Table] = {}
    for scope in traverse_scope(tree):
        for _, source in scope.selected_sources.values():
            if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                nodes.setdefault(id(source), source)
    return list(nodes.values())


def expand_views(tree: exp.Expr, database: str, lookup: Lookup) -> exp.Expr:
    """Replaces each view by its query as a subquery, until only tables are left."""
    for _ in range(MAX_VIEW_DEPTH):
        found = [(node, resolve(node, database, lookup)) for node in table_nodes(tree)]
        views = [(node, view) for node, view in found if isinstance(view, View)]
        if not views:
            return tree
        for node, view in views:
            body = parse(view.sql)
            for inner in table_nodes(body):
                if not inner.args.get("db"):
                    inner.set("db", exp.to_identifier(view.schema))
            node.replace(exp.Subquery(this=body, alias=exp.TableAlias(this=exp.to_identifier(node.alias_or_name))))
    raise StatementError(f"INVALID_VIEW: views refer to each other in a circle, or more than {MAX_VIEW_DEPTH} deep")


def resolve(node: exp.Table, database: str, lookup: Lookup) -> Table | View:
    return lookup((node.db or database).lower(), node.name.lower().removesuffix(PARTITIONS_SUFFIX))


def make_scan(index: int, node: exp.Table, database: str, lookup: Lookup) -> Scan:
    table = resolve(node, database, lookup)
    if not isinstance(table, Table):
        raise TypeError(f"{node.name} is a view after all views were expanded")
    return Scan(f"__scan_{index}", table, node.name.lower().endswith(PARTITIONS_SUFFIX))


def rename_table(node: exp.Table, name: str) -> None:
    """Columns keep referring to the table's former name, as an alias."""
    alias = node.alias_or_name
    node.set("this", exp.to_identifier(name))
    node.set("db", None)
    node.set("catalog", None)
    if not node.args.get("alias"):
        node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))


def name_columns(tree: exp.Expr) -> None:
    """Trino names an expression without an alias `_col` and its position."""
    select = tree
    while not isinstance(select, exp.Select):
        select = select.this
    if any(one.is_star for one in select.expressions):
        return
    for index, one in enumerate(list(select.expressions)):
        if not isinstance(one, exp.Alias) and not one.output_name:
            one.replace(exp.alias_(one.copy(), f"_col{index}"))
