"""Finds the partitions that a query reads: carries conditions on partition keys from where they stand down to the tables.

A condition is carried only where that cannot change the result: from WHERE and from the ON of inner joins, into derived tables and
views that pass the column on unchanged, and through grouping and windows on the columns that these group by.

AWS: https://docs.aws.amazon.com/athena/latest/ug/partitions.html
"""

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from local_aws.ministack_patches.athena.columns import source_of, sources
from local_aws.ministack_patches.athena.scan import Scans

Conditions = list[exp.Expr]

#: A condition that contains one of these depends on other rows, or on random values.
NEVER_CARRIED = (exp.Subquery, exp.Select, exp.AggFunc, exp.Window, exp.Rand)


def assign_conditions(tree: exp.Expr, scans: Scans) -> None:
    """Adds to each scan the conditions that every row of the result fulfils."""
    carried: dict[int, Conditions] = {}
    for scope in reversed(traverse_scope(tree)):  # outermost first
        select = scope.expression
        if not isinstance(select, exp.Select):
            continue
        conditions = own_conditions(select) + carried.get(id(select), [])
        for alias, source in sources(scope).items():
            if not is_reachable(select, alias):
                continue
            on_source = [condition for condition in conditions if is_about(condition, alias, scope, scans)]
            if isinstance(source, exp.Table) and id(source) in scans:
                scan = scans[id(source)]
                keys = {key.name for key in scan.table.keys}
                scan.conditions += [condition for condition in on_source if column_names(condition) <= keys]
            elif isinstance(source, Scope) and source.is_derived_table:
                inside = (carried_into(condition, source) for condition in on_source)
                carried[id(source.expression)] = [condition for condition in inside if condition is not None]


def own_conditions(select: exp.Select) -> Conditions:
    """The conditions of WHERE and of inner joins, split at AND."""
    clauses = [select.args["where"].this] if select.args.get("where") else []
    clauses += [join.args["on"] for join in joins(select) if join.args.get("on") and not join.side]
    conditions: Conditions = []
    for clause in clauses:
        conditions += clause.flatten() if isinstance(clause, exp.And) else [clause]
    return conditions


def joins(select: exp.Select) -> list[exp.Join]:
    return select.args.get("joins") or []


def is_reachable(select: exp.Select, alias: str) -> bool:
    """An outer join adds rows of NULL for its optional side: no condition is carried to that side."""
    if not any(join.side for join in joins(select)):
        return True
    first = (select.args.get("from_") or select.args["from"]).this
    return bool(first.alias_or_name == alias) and all(join.side in ("", "LEFT") for join in joins(select))


def is_about(condition: exp.Expr, alias: str, scope: Scope, scans: Scans) -> bool:
    """Reports whether all columns of the condition belong to this source, and the condition depends on one row only."""
    if condition.find(*NEVER_CARRIED):
        return False
    columns = list(condition.find_all(exp.Column))
    return bool(columns) and all(source_of(column, scope, scans) == alias for column in columns)


def column_names(condition: exp.Expr) -> set[str]:
    return {column.name.lower() for column in condition.find_all(exp.Column)}


def carried_into(condition: exp.Expr, source: Scope) -> exp.Expr | None:
    """Returns the condition with the derived table's own columns; None if carrying it could change the result."""
    select = source.expression
    if not isinstance(select, exp.Select) or select.args.get("limit") or select.args.get("offset"):
        return None
    selected = {one.alias_or_name.lower(): one.unalias() for one in select.expressions}
    inner = [selected.get(name) for name in column_names(condition)]
    if not all(isinstance(column, exp.Column) for column in inner):
        return None
    passing = passing_columns(select)
    if passing is not None and not {spelling(column) for column in inner if column} <= passing:
        return None
    translated: exp.Expr = condition.copy().transform(
        lambda node: selected[node.name.lower()].copy() if isinstance(node, exp.Column) else node
    )
    return translated


def passing_columns(select: exp.Select) -> set[str] | None:
    """The columns on which a condition may be carried through grouping and windows; None for all."""
    keys: list[list[exp.Expr]] = []
    if select.args.get("group"):
        keys.append(select.args["group"].expressions)
    elif any(one.find(exp.AggFunc) and not one.find(exp.Window) for one in select.expressions):
        keys.append([])
    keys += [window.args.get("partition_by") or [] for window in select.find_all(exp.Window)]
    if not keys:
        return None
    return set.intersection(*({spelling(one) for one in some if isinstance(one, exp.Column)} for some in keys))


def spelling(column: exp.Expr) -> str:
    return column.sql().lower()
