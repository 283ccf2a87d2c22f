# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows as COPY wants them. That the server takes them, and gives the same back, is what the integration tests say."""

from __future__ import annotations

import random
import struct

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.other_types import Shape
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import TargetColumn, Unclean, column_encoder, encoder, mend
from ansible_collections.openwebui.postgres.plugins.module_utils._move.wire import (
    BINARY_FORM,
    BinaryWire,
    Unsent,
    framed,
    wire_for,
    wire_to_look,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Text

NULL = b"\xff\xff\xff\xff"
COLUMNS = {
    name: TargetColumn("c", name, shape=Shape(labels=("sad", "glad")) if name == "enum" else Shape())
    for name in (
        *("text", "character varying", "citext", "json", "jsonb", "boolean", "smallint", "integer", "bigint", "double precision", "bytea"),
        *("uuid", "date", "timestamp without time zone", "timestamp with time zone", "enum"),
    )
}
DAY = 86_400_000_000

# A value of SQLite, the type of the column, and what stands behind the length: PostgreSQL's binary formats begin in the year 2000.
PAYLOADS = [
    ("a\\b\n\t\u2028\\N", "text", "a\\b\n\t\u2028\\N".encode()),
    ("", "text", b""),
    (5, "text", b"5"),
    ("x" * 5000, "character varying", b"x" * 5000),
    ("Ä", "citext", "Ä".encode()),
    ("glad", "enum", b"glad"),
    ('{"a":\n "\\\\u0000"}', "json", b'{"a":\n "\\\\u0000"}'),
    (1e22, "json", b"1e+22"),
    (300, "json", b"300"),
    ('{"b": [1.0]}', "jsonb", b'\x01{"b": [1.0]}'),
    (1, "boolean", b"\1"),
    ("FALSE", "boolean", b"\0"),
    (-2, "smallint", b"\xff\xfe"),
    ("-1", "integer", b"\xff\xff\xff\xff"),
    (1 << 40, "bigint", (1 << 40).to_bytes(8, "big")),
    (0.1, "double precision", struct.pack("!d", 0.1)),
    (-0.0, "double precision", struct.pack("!d", -0.0)),
    ("-Infinity", "double precision", struct.pack("!d", -float("inf"))),
    (b"\x00\\\xff", "bytea", b"\x00\\\xff"),
    ("é", "bytea", "é".encode()),
    ("{00112233-4455-6677-8899-AABBCCDDEEFF}", "uuid", bytes.fromhex("00112233445566778899aabbccddeeff")),
    ("2000-01-02", "date", struct.pack("!i", 1)),
    ("1999-12-31", "date", struct.pack("!i", -1)),
    ("2000-01-01T00:00:00.25", "timestamp without time zone", struct.pack("!q", 250_000)),
    ("1999-12-31 23:59:59.999999", "timestamp without time zone", struct.pack("!q", -1)),
    ("2000-01-02", "timestamp without time zone", struct.pack("!q", DAY)),
    ("2000-01-02 01:00:00+01:00", "timestamp with time zone", struct.pack("!q", DAY)),
]


@pytest.mark.parametrize(
    ("value", "type_name", "payload"), PAYLOADS, ids=[f"{name}-{number}" for number, (_value, name, _payload) in enumerate(PAYLOADS)]
)
def test_a_value_is_its_length_and_what_the_type_has_instead_of_text(value, type_name, payload):
    column = COLUMNS[type_name]
    field = BinaryWire([column]).field(column, mend(Text(value.encode()) if isinstance(value, str) else value, column).field)
    assert field == struct.pack("!i", len(payload)) + payload
    try:
        assert encoder(column, BINARY_FORM)(value.encode() if isinstance(value, str) else value) == field
    except Unclean:
        assert not (isinstance(value, str) and type_name == "text")


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_null_has_a_length_that_nothing_has(column):
    assert BinaryWire([column]).field(column, mend(None, column).field) == encoder(column, BINARY_FORM)(None) == NULL
    assert column_encoder(column, BINARY_FORM)([None, None]) == [NULL, NULL]


@pytest.mark.parametrize("type_name", ["numeric", "real", "array", "time without time zone", "time with time zone"])
def test_a_table_with_a_type_that_is_not_known_in_binary_goes_as_text(type_name):
    assert isinstance(wire_for([COLUMNS["text"]]), BinaryWire)
    assert not isinstance(wire_for([COLUMNS["text"], TargetColumn("c", type_name)]), BinaryWire)


def test_rows_are_found_again_in_what_the_server_sends():
    wire = BinaryWire([COLUMNS["text"], COLUMNS["integer"]])
    rows = [wire.row([framed(b"a"), NULL]), wire.row([NULL, framed(b"\0\0\0\1")])]
    assert rows[0] == b"\0\2\0\0\0\1a" + NULL
    messages = [wire.opening + rows[0], rows[1], wire.closing]
    assert list(wire.rows(map(memoryview, messages))) == rows
    assert list(wire.rows([wire.opening, *rows, wire.closing])) == rows
    assert list(wire.rows([wire.opening, wire.closing])) == []
    assert list(wire.rows([wire.opening + wire.closing])) == []


def test_jsonb_is_compared_by_its_content():
    """The server sends its own writing of it back."""
    wire = BinaryWire([COLUMNS["text"], COLUMNS["jsonb"], COLUMNS["jsonb"]])
    ours, theirs = (
        wire.comparable(wire.row([framed(b"{ }"), framed(b"\x01" + document), NULL]))
        for document in (b'{"b": 1.50, "a": "\\\\ \\u00e9"}', '{"a":"\\\\ é",  "b":1.5}'.encode())
    )
    assert ours == theirs
    assert ours != wire.comparable(wire.row([framed(b"{}"), framed(b'\x01{"b": 1.50, "a": "\\\\ \\u00e9"}'), NULL]))
    assert BinaryWire([COLUMNS["text"], COLUMNS["json"]]).comparable is None


SPECIAL = [
    *(b"", b" ", b"\n", b"{}", b"[NaN]", b'"\\u0000"', b'"\\ud83d\\ude00"', b'"\\ud83d"', b'"\\\\u0000"', b"\x00", "é".encode(), b"\xc3"),
    *(b"\xa9", b"12345", "ééééé".encode(), b'"\\', b"u0000", b"Na", b"N", b"Infi", b"nity", None, 0, 1, 2, -1, 1.0, 0.5),
    *(1 << 15, -(1 << 15), 1 << 31, 1 << 63, -(1 << 63), float("inf")),
]


@pytest.mark.parametrize("not_null", [False, True])
@pytest.mark.parametrize("length", [None, 4])
@pytest.mark.parametrize("type_name", COLUMNS)
def test_many_values_at_once_are_no_others_than_one_by_one(type_name, length, not_null):
    """What needs a closer look among them is never passed over, wherever it stands."""
    column = COLUMNS[type_name]._replace(not_null=not_null, length=length if "char" in type_name else None)
    one, many = encoder(column, BINARY_FORM), column_encoder(column, BINARY_FORM)
    clean = {}
    for value in SPECIAL:
        try:
            clean[repr(value)] = one(value)
        except Unclean:
            with pytest.raises(Unclean):
                many([value])
            continue
        assert many([value]) == [clean[repr(value)]]
    dice = random.Random(type_name)
    for _turn in range(2000):
        values = dice.sample(SPECIAL, dice.randrange(1, 6))
        if all(repr(value) in clean for value in values):
            assert many(values) == [clean[repr(value)] for value in values]
        else:
            with pytest.raises(Unclean):
                many(values)


def judged(encode, values):
    try:
        return len(encode(values))
    except Unclean:
        return None


@pytest.mark.parametrize("not_null", [False, True])
@pytest.mark.parametrize("type_name", COLUMNS)
def test_a_look_that_sends_nothing_judges_every_value_as_a_load_does(type_name, not_null):
    column = COLUMNS[type_name]._replace(not_null=not_null)
    (load,), (look,) = (wire.column_encoders() for wire in (BinaryWire([column]), Unsent([column])))
    found = [(judged(load, [value]), judged(look, [value])) for value in SPECIAL]
    assert [pair for pair in found if pair[0] != pair[1]] == []
    assert {None, 1}.issuperset(ours for ours, _theirs in found)


def test_a_table_that_goes_as_text_is_looked_at_as_text():
    assert isinstance(wire_to_look([COLUMNS["text"]]), Unsent)
    as_text = (wire_to_look([TargetColumn("c", "array")]), wire_for([TargetColumn("c", "array")]))
    assert not any(isinstance(wire, (Unsent, BinaryWire)) for wire in as_text)
