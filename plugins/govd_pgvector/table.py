"""What the catalogue says of a table with vectors: its columns, its key, its indexes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from govd.errors import BadFile, Unsupported, Usage
from govd_pgvector.connections import Address, Connection, ask, quoted

TYPES: Final = {"vector": "float32", "halfvec": "float16"}
"""Types of columns that can be edited, and how NumPy calls their numbers."""
LONGEST: Final = 50
"""Bytes of a column's name: PostgreSQL has 63, and `_govd_base` is added."""


@dataclass(frozen=True)
class Table:
    """A table with a column of vectors. `name` is quoted, with its schema; `type` is the column's,
    as SQL writes it; `dim` is 0 where the column does not say it; `key_type` is the key's.
    """

    oid: int
    schema: str
    name: str
    store: str
    column: str
    type: str
    kind: str
    dim: int
    is_required: bool
    storage: str
    key: str
    key_type: str

    @property
    def dtype(self) -> str:
        """As NumPy calls it."""
        return TYPES[self.kind]

    def beside(self, name: str) -> str:
        """A table of govd's in the same schema, quoted."""
        return f"{quoted(self.schema)}.{quoted(name)}"


class Column(NamedTuple):
    """A column of vectors, as `Table` has it."""

    name: str
    type: str
    kind: str
    dim: int
    is_required: bool
    storage: str


@dataclass(frozen=True)
class Index:
    """An index over the vectors: its name, its method, the operator class and the expression of
    its first column, its definition.
    """

    name: str
    method: str
    opclass: str
    expression: str
    definition: str
    is_valid: bool

    @property
    def next_name(self) -> str:
        """What it is called until the switch."""
        return self.name[:53] + "_govd_next"

    def on(self, before: str, column: str) -> str:
        """The statement that builds the same index on another column, while rows are written."""
        head, using, rest = self.definition.replace("%", "%%").partition(" USING ")
        plain = before.replace("%", "%%")
        names = "|".join(re.escape(name) for name in (quoted(before), plain))
        rest = re.sub(rf'(?<![\w".])(?<!::)(?:{names})(?![\w"])', quoted(column), rest)
        table = head.split(" ON ", 1)[1]
        return f"CREATE INDEX CONCURRENTLY {quoted(self.next_name)} ON {table}{using}{rest}"


def table_at(connection: Connection, address: Address) -> Table:
    """The table that an address means.

    Raises:
        BadFile: it is not there, or has no such column. Unsupported: it has parts. Usage: the
        address leaves open which column is meant.
    """
    oid, schema, relation = _relation(connection, address)
    column = _column(connection, address, oid)
    if len(column.name.encode()) > LONGEST:
        raise Unsupported(
            f"the name of the column {column.name} is too long", where=address.url
        )
    key, key_type = _key(connection, address, oid)
    name = f"{quoted(schema)}.{quoted(relation)}"
    store = f"{relation}.{column.name}"
    return Table(oid, schema, name, store, *column, key, key_type)


def _relation(connection: Connection, address: Address) -> tuple[int, str, str]:
    """The number, the schema and the name of the table.

    Raises:
        BadFile: it is not there. Unsupported: it has parts.
    """
    names = (
        address.table.split(".")
        if '"' not in address.table
        else [address.table.strip('"')]
    )
    written = ".".join(quoted(name).replace("%%", "%") for name in names)
    rows = ask(
        connection,
        "SELECT c.oid, n.nspname, c.relname, c.relkind::text, c.relispartition"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.oid = to_regclass(%s)",
        [written],
    )
    if not rows:
        raise BadFile(f"there is no table {address.table}", where=address.url)
    oid, schema, relation, kind, is_part = rows[0]
    if kind != "r" or is_part:
        raise Unsupported(
            f"{address.table} is no plain table (a view, or partitioned)",
            where=address.url,
            advice="Name a table that stands for itself.",
        )
    return oid, schema, relation


def _column(connection: Connection, address: Address, oid: int) -> Column:
    """The column of vectors.

    Raises:
        BadFile: there is none, or it has none of vectors. Usage: there are several.
    """
    rows = ask(
        connection,
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typname,"
        " greatest(a.atttypmod, 0), a.attnotnull, a.attstorage::text"
        " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
        " WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped",
        [oid],
    )
    vectors = [row for row in rows if row[2] in TYPES and "_govd_" not in row[0]]
    if address.column:
        rows = [row for row in rows if row[0] == address.column]
        if not rows:
            raise BadFile(
                f"{address.table} has no column {address.column}", where=address.url
            )
        if rows[0][2] not in TYPES:
            raise BadFile(
                f"the column {address.column} is {rows[0][1]}", where=address.url
            )
        return Column(*rows[0])
    if not vectors:
        raise BadFile(f"{address.table} has no column of vectors", where=address.url)
    if len(vectors) > 1:
        listed = ", ".join(row[0] for row in vectors)
        raise Usage(
            f"which of {listed} is meant?",
            where=address.url,
            advice="Add &column=NAME.",
        )
    return Column(*vectors[0])


def _key(connection: Connection, address: Address, oid: int) -> tuple[str, str]:
    """The column whose values name rows, and its type.

    Raises:
        BadFile: rows cannot be told apart by it.
    """
    rows = ask(
        connection,
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_index i"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        " WHERE i.indrelid = %s AND i.indisunique AND i.indnkeyatts = 1 AND i.indisvalid"
        " AND i.indpred IS NULL AND i.indexprs IS NULL AND a.attnotnull"
        " ORDER BY i.indisprimary DESC, a.attnum",
        [oid],
    )
    rows = [row for row in rows if not address.key or row[0] == address.key]
    if not rows:
        raise BadFile(
            f"rows cannot be told apart by {address.key or 'any column'}: none is unique and never"
            " null",
            where=address.url,
            advice="Give the table a primary key of one column, or name another: &key=NAME.",
        )
    return rows[0]


def indexes(connection: Connection, table: Table, column: str) -> list[Index]:
    """The indexes that a column is part of, itself or in an expression."""
    rows = ask(
        connection,
        "SELECT DISTINCT i.indexrelid, c.relname, m.amname, o.opcname,"
        " pg_get_indexdef(i.indexrelid, 1, false), pg_get_indexdef(i.indexrelid), i.indisvalid"
        " FROM pg_depend d JOIN pg_index i ON i.indexrelid = d.objid"
        " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam"
        " JOIN pg_opclass o ON o.oid = i.indclass[0]"
        " JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
        " WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass"
        " AND d.refobjid = %s AND a.attname = %s ORDER BY c.relname",
        [table.oid, column],
    )
    return [Index(*row[1:]) for row in rows]


def dependents(connection: Connection, table: Table) -> list[str]:
    """What goes on with the old vectors when the column is renamed: views, checks, generated
    columns, others' triggers, rights of the column alone; in the server's words.
    """
    rows = ask(
        connection,
        "SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d"
        " JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid"
        " LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid"
        " LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid"
        " WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %s AND a.attname = %s"
        " AND d.classid <> 'pg_class'::regclass AND k.contype IS DISTINCT FROM 'n'"
        " AND t.tgname IS DISTINCT FROM 'zz_govd'"
        " UNION ALL SELECT 'rights on the column alone' FROM pg_attribute"
        " WHERE attrelid = %s AND attname = %s AND attacl IS NOT NULL",
        [table.oid, table.column, table.oid, table.column],
    )
    return [row[0] for row in rows]
