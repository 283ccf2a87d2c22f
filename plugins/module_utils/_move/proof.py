# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof: digests of what was read from the source and of what the target holds, which do not depend on the order of rows.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import hashlib

from ansible_collections.openwebui.postgres.plugins.module_utils._move.plan import Plan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.scan import TablePlan
from ansible_collections.openwebui.postgres.plugins.module_utils._move.target import Target
from ansible_collections.openwebui.postgres.plugins.module_utils._move.wire import BinaryWire, Wire, wire_for
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.connection import PSYCOPG_IMPORT_ERROR
from ansible_collections.openwebui.postgres.plugins.module_utils._postgres.errors import guard
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Findings
from ansible_collections.openwebui.postgres.plugins.module_utils._progress import Progress

if PSYCOPG_IMPORT_ERROR is None:
    from psycopg import sql


class Digest:
    """A digest of a set of rows, whatever their order: the sum of the digests of the rows.

    A row is what COPY makes of it, so a change to any value of any column changes it.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.size = 0
        self._sum = 0

    def add(self, row: bytes | bytearray | memoryview[int]) -> None:
        """Take in one more row."""
        self.rows += 1
        self.size += len(row)
        self._sum += int.from_bytes(hashlib.sha256(row).digest(), "big")

    def __str__(self) -> str:
        return f"{self._sum % (1 << 256):064x}"


def columns_of(wire: Wire) -> sql.Composed:
    """The columns that rows of this kind have, for SQL."""
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in wire.columns)


def read_back(target: Target, table: TablePlan, where: sql.Composable | None = None, wire: Wire | None = None) -> Digest:
    """The digest of what a table holds.

    :param where: SQL condition for the rows that are wanted, where not all are.
    :param wire: the format in which rows are read, the fastest one where nothing is said. Digests are comparable within one.
    """
    wire = wire or wire_for(table.columns)
    digest = Digest()
    name, options = target.name(table.name), sql.SQL(wire.options)
    # The rows of a partitioned table can only be copied by a query.
    if where is not None or target.is_partitioned(table.name):
        chosen = sql.SQL("COPY (SELECT {} FROM {} WHERE {}) TO STDOUT{}")
        statement = chosen.format(columns_of(wire), name, where or sql.SQL("true"), options)
    else:
        statement = sql.SQL("COPY {} ({}) TO STDOUT{}").format(name, columns_of(wire), options)
    make_comparable = wire.comparable
    with target.connection.cursor().copy(statement) as copy:
        for row in wire.rows(copy):
            digest.add(make_comparable(bytes(row)) if make_comparable else row)
    return digest


def holds(target: Target, table: TablePlan, digest: str) -> bool:
    """Whether a table holds what an earlier run has recorded of it. Runs of before the binary format have digests of text."""
    wire = wire_for(table.columns)
    wires = [wire, Wire(table.columns)] if isinstance(wire, BinaryWire) else [wire]
    return any(str(read_back(target, table, wire=each)) == digest for each in wires)


def prove(target: Target, plan: Plan, expected: dict[str, Digest], findings: Findings, progress: Progress) -> None:
    """Read everything back, inside the transaction that loaded it, and compare. What differs is in the findings."""
    progress.begin("prove", plan.rows, sum(digest.size for digest in expected.values()))
    for table in plan.tables:
        with guard(f"reading {table.name} back"):
            found = read_back(target, table)
        wanted = expected[table.name]
        if (found.rows, str(found)) != (wanted.rows, str(wanted)):
            findings.add(
                "proof",
                f"{table.name}: what PostgreSQL holds ({found.rows} rows) is not what was read from SQLite "
                f"({wanted.rows} rows); a trigger or rule on the table may change rows",
                table=table.name,
            )
        progress.advance(table.name, found.rows, found.size)
