# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How rows travel: COPY's binary format where each type of a table is known in it, its text format otherwise.

Binary saves both sides the escaping, which is half of the work of a load. In either format a row is the same bytes on the way there and on
the way back, and these are what digests are made of.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import datetime
import functools
import struct
from typing import Callable, Iterable, Iterator, Sequence, Union

from ansible_collections.openwebui.postgres.plugins.module_utils._move.other_types import canonical, unescape
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import (
    NULL_FIELD,
    TEXT_FORM,
    ColumnEncoder,
    Encoder,
    Form,
    TargetColumn,
    column_encoder,
    comparable,
    encoder,
    escape,
)

# What psycopg hands out.
Bytes = Union[bytes, bytearray, "memoryview[int]"]

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_NULL = b"\xff\xff\xff\xff"
# Lengths of most values.
_LENGTHS = tuple(struct.pack("!i", length) for length in range(1 << 12))
_INTEGERS = {"smallint": struct.Struct("!ih"), "integer": struct.Struct("!ii"), "bigint": struct.Struct("!iq")}
_JSONB_VERSION = b"\x01"


class Wire:
    """COPY's text format, which takes all types.

    :ivar keyword: what COPY is told at its beginning; :attr:`options`, the same behind the direction, where there is room for more.
    :ivar opening: what comes before the first row; :attr:`closing`, what comes behind the last one.
    :ivar comparable: makes a row comparable with what the server makes of it; None where it is so already.
    """

    keyword = options = ""
    opening = closing = b""
    form = TEXT_FORM

    def __init__(self, columns: Iterable[TargetColumn]) -> None:
        self.columns = tuple(columns)
        self.comparable = self._comparable()

    def encoder(self, column: TargetColumn) -> Encoder:
        """The fast way for the values of one column."""
        return encoder(column, self.form)

    def column_encoders(self) -> list[ColumnEncoder]:
        """The fast way for many rows: for each column, what makes fields of all its values. Empty where rows go one by one."""
        return []

    def field(self, column: TargetColumn, text: bytes) -> bytes:
        """A field, from the same in text format."""
        return text

    def row(self, fields: Sequence[bytes]) -> bytes:
        """A row, from its fields."""
        return b"\t".join(fields) + b"\n"

    def rows(self, messages: Iterable[Bytes]) -> Iterator[Bytes]:
        """The rows in what the server sends: always one in a message."""
        yield from messages

    def _comparable(self) -> Callable[[bytes], bytes] | None:
        return comparable(self.columns)


class BinaryWire(Wire):
    """COPY's binary format: each field is its length and what the type has instead of text."""

    # Never left out of PostgreSQL since its first days, and what pg_stat_activity shows of a load still ends in FROM STDIN.
    keyword = "BINARY "
    options = " (FORMAT binary)"
    opening = _SIGNATURE + struct.pack("!ii", 0, 0)
    closing = struct.pack("!h", -1)

    def __init__(self, columns: Iterable[TargetColumn]) -> None:
        super().__init__(columns)
        self.form = BINARY_FORM
        self._head = struct.pack("!h", len(self.columns))

    def column_encoders(self) -> list[ColumnEncoder]:
        return [column_encoder(column, self.form) for column in self.columns]

    def field(self, column: TargetColumn, text: bytes) -> bytes:
        return _NULL if text == NULL_FIELD else framed(_PAYLOADS[column.type](text))

    def row(self, fields: Sequence[bytes]) -> bytes:
        return b"".join((self._head, *fields))

    def rows(self, messages: Iterable[Bytes]) -> Iterator[Bytes]:
        # The opening comes with the first row, the closing by itself.
        opened = False
        for message in messages:
            if not opened:
                message, opened = message[len(self.opening) :], True
            if len(message) and message != self.closing:
                yield message

    def _comparable(self) -> Callable[[bytes], bytes] | None:
        found = [(position, canonical(column.type)) for position, column in enumerate(self.columns) if column.type == "jsonb"]
        converters = {position: convert for position, convert in found if convert is not None}
        if not converters:
            return None

        def make_comparable(row: bytes) -> bytes:
            fields = list(_fields(row))
            for position, convert in converters.items():
                if fields[position] != _NULL:
                    fields[position] = framed(convert(escape(fields[position][5:])))
            return row[:2] + b"".join(fields)

        return make_comparable


class Unsent(BinaryWire):
    """For a look that sends nothing: the format's own judgement of every value, without a copy of each text with its length before it."""

    def __init__(self, columns: Iterable[TargetColumn]) -> None:
        super().__init__(columns)
        # Of bytes it makes the very same bytes.
        self.form = BINARY_FORM._replace(text=bytes)


def wire_for(columns: Sequence[TargetColumn]) -> Wire:
    """The fastest way for a table with these columns."""
    return BinaryWire(columns) if all(column.type in _PAYLOADS for column in columns) else Wire(columns)


def wire_to_look(columns: Sequence[TargetColumn]) -> Wire:
    """The same where the fields themselves are not wanted."""
    wire = wire_for(columns)
    return Unsent(columns) if isinstance(wire, BinaryWire) else wire


def framed(payload: bytes) -> bytes:
    """A field of the binary format."""
    length = len(payload)
    return (_LENGTHS[length] if length < len(_LENGTHS) else struct.pack("!i", length)) + payload


def _fields(row: bytes) -> Iterator[bytes]:
    """The fields of a row in binary format, each with its length before it."""
    position = 2
    while position < len(row):
        (length,) = struct.unpack_from("!i", row, position)
        end = position + 4 + max(length, 0)
        yield row[position:end]
        position = end


def _integer(type_name: str) -> Callable[[int], bytes]:
    number = _INTEGERS[type_name]
    width = number.size - 4
    return functools.partial(number.pack, width)


BINARY_FORM = Form(_NULL, framed, _integer, {0: b"\0\0\0\1\0", 1: b"\0\0\0\1\1"})

# From text format, for the values that need the careful way: what stands behind the length.

_EPOCH = datetime.datetime(2000, 1, 1)
_SECOND = datetime.timedelta(seconds=1)


def _integer_payload(type_name: str) -> Callable[[bytes], bytes]:
    write = _integer(type_name)
    return lambda text: write(int(text))[4:]


def _day(text: bytes) -> bytes:
    return struct.pack("!i", datetime.date.fromisoformat(text.decode()).toordinal() - _EPOCH.toordinal())


def _moment(text: bytes) -> bytes:
    """Microseconds. A zone is always +00 here."""
    whole, _point, fraction = text.decode().removesuffix("+00").partition(".")
    seconds = (datetime.datetime.fromisoformat(whole) - _EPOCH) // _SECOND
    return struct.pack("!q", seconds * 1_000_000 + int(fraction.ljust(6, "0")))


_PAYLOADS: dict[str, Callable[[bytes], bytes]] = {
    "text": unescape,
    "character varying": unescape,
    "character": unescape,
    "citext": unescape,
    "enum": unescape,
    "json": unescape,
    "jsonb": lambda text: _JSONB_VERSION + unescape(text),
    "boolean": lambda text: b"\1" if text == b"t" else b"\0",
    "smallint": _integer_payload("smallint"),
    "integer": _integer_payload("integer"),
    "bigint": _integer_payload("bigint"),
    "double precision": lambda text: struct.pack("!d", float(text)),
    "bytea": lambda text: bytes.fromhex(unescape(text)[2:].decode()),
    "uuid": lambda text: bytes.fromhex(text.decode().replace("-", "")),
    "date": _day,
    "timestamp without time zone": _moment,
    "timestamp with time zone": _moment,
}
