"""Athena's SQL made DuckDB's: parameters, views, the tables a statement reads and which partitions of them.

Refuses what Trino refuses where DuckDB would not, as far as it is likely to be written by mistake: a select alias in
WHERE, GROUP BY or HAVING; text compared with a number; DuckDB's own `::`, QUALIFY and GROUP BY ALL.
"""

from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.scope import traverse_scope, walk_in_scope
from sqlglot.tokens import TokenType

from local_aws.ministack_patches.athena import pruning
from local_aws.ministack_patches.athena.lake import LakeError, Table, View

VIEWS_DEEP = 16
COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


@dataclass
class Scan:
    """One reading of one table: the name it has in the translated statement, and the conditions on its partitions."""

    name: str
    table: Table
    conditions: list
    partitions_only: bool  # "table$partitions": the list of partitions instead of rows


@dataclass
class Translation:
    """A statement for DuckDB, in which each scan's name stands for a relation that has to be made first."""

    sql: str
    scans: list


def translate(sql, database, lookup, parameters=()):
    """Translates one query. `lookup(database, name)` answers a Table or a View, or raises LakeError."""
    tree = expand_views(parse(bind(sql, parameters)), database, lookup)
    scans = {id(node): make_scan(index, node, database, lookup) for index, node in enumerate(table_nodes(tree))}
    check_names(tree, scans)
    pruning.assign(tree, scans)
    for node in table_nodes(tree):
        use(node, scans[id(node)])
    for column in tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    name_columns(tree)
    return Translation(annotate_types(tree, dialect="trino").sql(dialect="duckdb"), list(scans.values()))


def parse(sql):
    try:
        tokens = sqlglot.tokenize(sql, read="trino")
        trees = [tree for tree in sqlglot.parse(sql, read="trino") if tree is not None]
    except SqlglotError as error:
        raise LakeError(f"SYNTAX_ERROR: {first_line(error)}") from error
    if len(trees) != 1:
        raise LakeError(f"SYNTAX_ERROR: one statement is expected, not {len(trees)}")
    tree = trees[0]
    if not isinstance(tree, (exp.Query, exp.Subquery)):
        raise LakeError(f"NOT_SUPPORTED: {tree.key.upper()} is not known to the local Athena")
    refuse_duckdb(tokens, tree)
    return tree


def refuse_duckdb(tokens, tree):
    for token in tokens:
        if token.token_type in (TokenType.DCOLON, TokenType.QUALIFY):
            raise LakeError(f"SYNTAX_ERROR: line {token.line}:{token.col}: mismatched input '{token.text}'")
    for table in tree.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            raise LakeError(f"FUNCTION_NOT_FOUND: Table function '{table.this.name or table.this.key}' is not registered")
    for group in tree.find_all(exp.Group):
        if group.args.get("all"):
            raise LakeError("SYNTAX_ERROR: GROUP BY ALL is not Trino's")


def first_line(error):
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def bind(sql, parameters):
    """Puts each parameter, which is SQL text as in Athena, in the place of its `?`."""
    try:
        marks = [token for token in sqlglot.tokenize(sql, read="trino") if token.token_type == TokenType.PLACEHOLDER]
    except SqlglotError as error:
        raise LakeError(f"SYNTAX_ERROR: {first_line(error)}") from error
    if len(marks) != len(parameters):
        raise LakeError(
            f"INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected {len(marks)} but found {len(parameters)}"
        )
    for mark, text in reversed(list(zip(marks, parameters))):
        sql = sql[: mark.start] + parameter(text) + sql[mark.end + 1 :]
    return sql


def parameter(text):
    """A parameter is a literal, a cast or a function of literals; anything else is an error, as in Athena."""
    try:
        tree = sqlglot.parse_one(text, read="trino")
    except SqlglotError as error:
        raise LakeError(f"SYNTAX_ERROR: parameter {text}: {first_line(error)}") from error
    column = tree.find(exp.Column)
    if column is not None:
        raise LakeError(f"COLUMN_NOT_FOUND: parameter {text}: Column '{column.name}' cannot be resolved")
    if isinstance(tree, (exp.Query, exp.DDL, exp.Command)):
        raise LakeError(f"SYNTAX_ERROR: parameter {text} is no expression")
    return text


def table_nodes(tree):
    """The nodes that name real tables or views, not common table expressions, in a fixed order."""
    nodes = {}
    for scope in traverse_scope(tree):
        for _, source in scope.selected_sources.values():
            if isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
                nodes.setdefault(id(source), source)
    return list(nodes.values())


def expand_views(tree, database, lookup):
    for _ in range(VIEWS_DEEP):
        found = [(node, resolve(node, database, lookup)) for node in table_nodes(tree)]
        views = [(node, one) for node, one in found if isinstance(one, View)]
        if not views:
            return tree
        for node, view in views:
            body = parse(view.sql)
            for inner in table_nodes(body):
                if not inner.args.get("db"):
                    inner.set("db", exp.to_identifier(view.schema))
            node.replace(exp.Subquery(this=body, alias=exp.TableAlias(this=exp.to_identifier(node.alias_or_name))))
    raise LakeError("INVALID_VIEW: views refer to each other in a circle, or too deeply")


def resolve(node, database, lookup):
    name = node.name.lower().removesuffix("$partitions")
    return lookup((node.args.get("db") and node.db or database).lower(), name)


def make_scan(index, node, database, lookup):
    return Scan(f"__scan_{index}", resolve(node, database, lookup), [], node.name.lower().endswith("$partitions"))


def use(node, scan):
    alias = node.alias_or_name
    node.set("this", exp.to_identifier(scan.name))
    node.set("db", None)
    node.set("catalog", None)
    if not node.args.get("alias"):
        node.set("alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))


def name_columns(tree):
    """Trino names an expression without alias `_col` and its place."""
    select = tree
    while not isinstance(select, exp.Select):
        select = select.this
    if any(one.is_star for one in select.expressions):
        return
    for index, one in enumerate(list(select.expressions)):
        if not isinstance(one, exp.Alias) and not one.output_name:
            one.replace(exp.alias_(one.copy(), f"_col{index}"))


def check_names(tree, scans):
    for scope in traverse_scope(tree):
        if isinstance(scope.expression, exp.Select):
            check_aliases(scope, scans)
            check_types(scope, scans)


def check_aliases(scope, scans):
    """Trino resolves WHERE, GROUP BY and HAVING before the select list; DuckDB does not mind."""
    known = [pruning.source_names(source, scans) for source in pruning.selected(scope).values()]
    if any(names is None for names in known):
        return
    aliases = {one.alias.lower() for one in scope.expression.expressions if isinstance(one, exp.Alias)}
    aliases -= set().union(*known)
    for clause in ("where", "group", "having"):
        for node in walk_in_scope(scope.expression.args[clause]) if scope.expression.args.get(clause) else ():
            if isinstance(node, exp.Column) and not node.table and node.name.lower() in aliases:
                raise LakeError(f"COLUMN_NOT_FOUND: Column '{node.name}' cannot be resolved")


def check_types(scope, scans):
    """Trino does not compare text with numbers; DuckDB casts, and a query that works here would fail on AWS."""
    for node in walk_in_scope(scope.expression):
        if isinstance(node, COMPARISONS):
            sides = [node.this, node.expression]
        elif isinstance(node, exp.In):
            sides = [node.this, *node.expressions]
        elif isinstance(node, exp.Between):
            sides = [node.this, node.args["low"], node.args["high"]]
        else:
            continue
        kinds = {kind for kind in (value_kind(side, scope, scans) for side in sides) if kind}
        if len(kinds) > 1:
            raise LakeError(f"TYPE_MISMATCH: Cannot apply operator: varchar and number in {node.sql('trino')}")


def value_kind(node, scope, scans):
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else "number"
    if not isinstance(node, exp.Column):
        return None
    table = pruning.owner(node, scope, scans)
    column = next((one for one in table.columns + table.keys if one.name == node.name.lower()), None) if table else None
    if column is None:
        return None
    base = column.type.lower().split("(")[0]
    if base in ("string", "varchar", "char"):
        return "text"
    return "number" if base in ("tinyint", "smallint", "int", "integer", "bigint", "float", "double", "decimal") else None
