# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of value that is known to make trouble, on the fast way and on the careful one."""

from __future__ import annotations

import itertools
import json
import math
import random
import sqlite3
import tracemalloc
from contextlib import closing

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import (
    NULL_FIELD,
    REFUSALS,
    Mended,
    TargetColumn,
    Unacceptable,
    Unclean,
    encoder,
    is_json,
    is_supported,
    mend,
    presumed_column,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Text

TEXT = TargetColumn("c", "text")
SHORT = TargetColumn("c", "character varying", 4)
JSON = TargetColumn("c", "json")
BOOLEAN = TargetColumn("c", "boolean")
SMALLINT = TargetColumn("c", "smallint")
INTEGER = TargetColumn("c", "integer")
BIGINT = TargetColumn("c", "bigint")
DATE = TargetColumn("c", "date")
TIMESTAMP = TargetColumn("c", "timestamp without time zone")
ALL = (TEXT, SHORT, JSON, BOOLEAN, SMALLINT, INTEGER, BIGINT, DATE, TIMESTAMP)

PAIR = r"\ud83d\ude00"


def by_type(columns):
    return [pytest.param(column, id=column.type) for column in columns]


def fast(value: object, column: TargetColumn) -> bytes | None:
    """What the fast way makes of a value that SQLite hands out; None when it leaves it to the careful one."""
    try:
        return encoder(column)(value.encode() if isinstance(value, str) else value)
    except Unclean:
        return None


def careful(value: object, column: TargetColumn, replace_invalid: bool = False) -> Mended:
    return mend(Text(value.encode()) if isinstance(value, str) else value, column, replace_invalid)


def refused(value: object, column: TargetColumn, replace_invalid: bool = False) -> str:
    """The rule by which a value is refused. It must not slip through on the fast way."""
    with pytest.raises(Unacceptable) as caught:
        careful(value, column, replace_invalid)
    assert str(caught.value) == REFUSALS[caught.value.rule]
    return caught.value.rule


def unescape(field: bytes) -> bytes:
    """What PostgreSQL reads in a field of COPY's text format."""
    letters = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
    read, characters = [], iter([field[position : position + 1] for position in range(len(field))])
    for character in characters:
        if character == b"\\":
            character = next(characters)
            character = letters.get(character, character)
        read.append(character)
    return b"".join(read)


def moves(value: object, column: TargetColumn, expected: str) -> None:
    """Without a repair, and both ways agree on it, if the fast one takes it at all."""
    mended = careful(value, column)
    assert mended.rules == ()
    assert unescape(mended.field) == expected.encode()
    assert fast(value, column) in (None, mended.field)


def repaired(value: object, column: TargetColumn, expected: str | None, *rules: str) -> None:
    assert fast(value, column) is None
    mended = careful(value, column)
    assert mended.rules == rules
    if expected is None:
        assert mended.field == NULL_FIELD
    else:
        assert unescape(mended.field) == expected.encode()


# 1: escapes in JSON that PostgreSQL does not take


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (r'{"a": "x\u0000y"}', '{"a": "xy"}'),
        (r'{"a\u0000": 1}', '{"a": 1}'),
        (r'"\u0000\u0000\u0000"', '""'),
        (r'"\ud83d"', '""'),
        (r'"\ude00"', '""'),
        (r'"\uD83D\uDE00\uDE00"', r'"\uD83D\uDE00"'),
        (r'"\ud83d\ud83d\ude00"', rf'"{PAIR}"'),
        (r'"\ude00\ud83d"', '""'),
        (r'"\ud83dx\ude00"', '"x"'),
        (r'"\ud83d\u0041"', r'"\u0041"'),
        (r'"\ud83d\u0000\ude00"', '""'),
        (rf'"{PAIR}\u0000{PAIR}"', rf'"{PAIR}{PAIR}"'),
        # Behind an escaped backslash stands no escape, and the one after that is alone.
        (r'"\\ud83d\ude00"', r'"\\ud83d"'),
        (r'"\ud83d\\ude00"', r'"\\ude00"'),
        (r'"\\\u0000"', r'"\\"'),
        (r'"\\\\\ud83d"', r'"\\\\"'),
        (r'"\"\u0000\""', r'"\"\""'),
        (r'"\u00000"', '"0"'),
    ],
)
def test_1_escapes_are_stripped(value, expected):
    repaired(value, JSON, expected, "json_escape")


@pytest.mark.parametrize(
    "value",
    [
        rf'"{PAIR}"',
        r'"\uD83D\uDE00"',
        rf'"{PAIR}{PAIR} \udbff\udfff \ud800\udc00"',
        r'"\\u0000"',
        r'"\\ud83d"',
        r'"C:\\u0000\\ud83d"',
        r'"\\\\u0000"',
        rf'"\\{PAIR}"',
        r'"\u0001\u0041\u00e9\ud7ff\ue000\uffff"',
        '"u0000 ud83d"',
        '"😀"',
    ],
)
def test_1_what_only_looks_like_it_stays(value):
    moves(value, JSON, value)


def test_1_the_rest_of_the_value_stays_to_the_letter():
    rest = r'"b" : 1.10, "a":-0 ,"b": 1E+2, "big": 123456789012345678901234567890, "s": "\/\u00e9é\n\t"  , "l":[ ]'
    repaired(rf'{{"x": "\u0000",{rest}}}' + "\n", JSON, f'{{"x": "",{rest}}}' + "\n", "json_escape")


def test_1_every_order_of_escapes_means_the_same_without_the_bad_ones():
    """Python's own parser judges: what is stripped are the characters that PostgreSQL does not take, and no other."""
    fragments = (r"\\", r"\u0000", r"\ud83d", r"\ude00", r"\u0041", r"\"", r"\n", "u0000", "ud83d", "x")
    for parts in itertools.chain.from_iterable(itertools.product(fragments, repeat=length) for length in range(1, 5)):
        value = f'"{"".join(parts)}"'
        wanted = "".join(character for character in json.loads(value) if character != "\0" and not 0xD800 <= ord(character) < 0xE000)
        field, rules = careful(value, JSON)
        read = unescape(field).decode()
        assert json.loads(read) == wanted
        assert rules == (() if read == value else ("json_escape",))
        assert fast(value, JSON) in ((None,) if rules else (None, field))


# 2: raw NUL


@pytest.mark.parametrize("column", by_type([TEXT, SHORT]))
def test_2_nul_in_text_is_stripped(column):
    repaired("a\0b\0", column, "ab", "nul")
    repaired("\0", column, "", "nul")


def test_2_nul_in_json_text_is_stripped():
    repaired('{"a":\0 "x\0y"}', JSON, '{"a": "xy"}', "nul")
    # Without the NUL, the escape is there that it has split.
    repaired('"a\\u00\x0000"', JSON, '"a"', "nul", "json_escape")
    repaired("\0\0", JSON, None, "nul", "empty")


def test_2_a_text_is_measured_without_its_nul():
    repaired("abcd\0", SHORT, "abcd", "nul")


# 3: numbers that JSON does not have


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("NaN", "null"),
        ("Infinity", "null"),
        ("-Infinity", "null"),
        ("[NaN,-Infinity , Infinity]", "[null,null , null]"),
        ('{"NaN": NaN, "b": "Infinity", "c": Infinity}', '{"NaN": null, "b": "Infinity", "c": null}'),
        (r'{"a": "\"NaN\" \\", "b": NaN}', r'{"a": "\"NaN\" \\", "b": null}'),
        (r'{"a": "\\", "b": NaN, "c": "NaN"}', r'{"a": "\\", "b": null, "c": "NaN"}'),
    ],
)
def test_3_become_null(value, expected):
    repaired(value, JSON, expected, "json_number")


@pytest.mark.parametrize("value", ['"NaN"', '{"Infinity": "-Infinity, NaN"}', r'["\"", "NaN", "\\\"NaN"]'])
def test_3_words_in_strings_stay(value):
    moves(value, JSON, value)


@pytest.mark.parametrize("value", ["NaNa", "[xNaN]", "+Infinity", "-", "1NaN", '{"a": NaN', r'{"a": NaN, "b": "\"'])
def test_3_what_is_no_json_anyway_is_refused(value):
    assert refused(value, JSON) == "json"


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_3_infinity_as_sqlite_stores_it(value):
    repaired(value, JSON, "null", "json_number")


def test_3_several_repairs_of_one_value_are_all_told():
    repaired('{"a": "\0\\u0000", "b": NaN}', JSON, '{"a": "", "b": null}', "nul", "json_escape", "json_number")


# 4: JSON scalars


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (300, "300"),
        (-1, "-1"),
        (0, "0"),
        (0.5, "0.5"),
        (1e22, "1e+22"),
        (-(2**63), "-9223372036854775808"),
        (0.1 + 0.2, "0.30000000000000004"),
    ],
)
def test_4_numbers_that_sqlite_stored_as_such(value, expected):
    moves(value, JSON, expected)
    assert fast(value, JSON) == expected.encode()
    assert json.loads(expected) == value


@pytest.mark.parametrize("value", ["null", '"007"', '"null"', "true", '""', " 1 ", "1.10"])
def test_4_scalars_as_text(value):
    moves(value, JSON, value)
    assert fast(value, JSON) == value.encode()


@pytest.mark.parametrize("column", by_type(ALL))
def test_4_null_is_null(column):
    assert fast(None, column) == NULL_FIELD
    assert careful(None, column) == (NULL_FIELD, ())


# 5: nothing where JSON should be


@pytest.mark.parametrize("value", ["", " ", "\n\t \r"])
def test_5_blank_json(value):
    repaired(value, JSON, None, "empty")
    assert refused(value, JSON._replace(not_null=True)) == "empty"
    assert fast(value, JSON._replace(not_null=True)) is None


@pytest.mark.parametrize("value", ["\u00a0", "\u2028", "\x1c"])
def test_5_other_blanks_are_no_json(value):
    assert refused(value, JSON) == "json"


# 6: no JSON


@pytest.mark.parametrize(
    "value",
    [
        "{'a': 1}",
        '{"a": 1',
        '"',
        '"a',
        '\ufeff{"a": 1}',
        '"a\nb"',
        '"a\tb"',
        r'"\x"',
        r'"\u12"',
        "None",
        "{a: 1}",
        "[1,]",
        "01",
        ".5",
        "1 2",
    ],
)
def test_6_is_refused_and_not_guessed_at(value):
    assert refused(value, JSON) == "json"
    assert not is_json(value)


def test_6_what_the_fast_way_takes_is_not_changed_by_it():
    """It leaves JSON to PostgreSQL, which parses it anyway."""
    assert fast("{'a': 1}", JSON) == b"{'a': 1}"


@pytest.mark.parametrize("value", ["1" * 5000, "[" * 500 + "]" * 500, "[" * 200_000 + "]" * 200_000])
def test_6_long_numbers_and_deep_nesting_are_left_to_postgresql(value):
    moves(value, JSON, value)


# 7: booleans


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "f"), (1, "t"), ("0", "f"), ("1", "t"), ("true", "t"), ("True", "t"), ("TRUE", "t"), ("false", "f"), ("fALSE", "f")],
)
def test_7_booleans(value, expected):
    moves(value, BOOLEAN, expected)


@pytest.mark.parametrize("value", [2, -1, "", " 1", "2", "t", "yes", "on", 0.5, 1.0, "null", "\uff11"])
def test_7_other_values(value):
    assert refused(value, BOOLEAN) == "boolean"
    assert fast(value, BOOLEAN) is None


# 8: integers


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, "7"), (-7, "-7"), (7.0, "7"), (1.7e9, "1700000000"), ("7", "7"), ("+7", "7"), ("-007", "-7"), (2**53 + 0.0, "9007199254740992")],
)
def test_8_integers(value, expected):
    moves(value, BIGINT, expected)


@pytest.mark.parametrize("column", by_type([SMALLINT, INTEGER, BIGINT]))
def test_8_the_range_of_the_type(column):
    limit = 1 << {"smallint": 15, "integer": 31, "bigint": 63}[column.type]
    moves(limit - 1, column, str(limit - 1))
    moves(-limit, column, str(-limit))
    moves(str(limit - 1), column, str(limit - 1))
    # More than 64 bits SQLite has as REAL or as text.
    for value in (str(limit), str(-limit - 1), float(limit), 1e300):
        assert refused(value, column) == "range"
        assert fast(value, column) is None


@pytest.mark.parametrize(
    "value",
    [0.6, math.inf, -math.inf, ".6", "6.0", "1e3", "", " 7", "7 ", "2024-01-01", "0x7", "\u0667", "7" * 5000, "inf"],
)
def test_8_other_values(value):
    assert refused(value, BIGINT) == "integer"
    assert fast(value, BIGINT) is None


# 9: numbers in text


@pytest.mark.parametrize("value", [0, -5, 2**63 - 1, 0.5, 5.0, 1e22, 1e-7, 1 / 3, -0.0, math.inf])
def test_9_numbers_in_text_are_as_sqlite_prints_them(value):
    with closing(sqlite3.connect(":memory:")) as connection:
        (printed,) = connection.execute("SELECT '' || ?", (value,)).fetchone()
    moves(value, TEXT, printed)


def test_9_their_length_counts():
    moves(1234, SHORT, "1234")
    assert refused(12345, SHORT) == "length"


# 10: bytes


@pytest.mark.parametrize("value", [b"\xff", b"a\xc3", b"\xed\xa0\xbd", b"\xc0\x80", b"\xf4\x90\x80\x80"])
@pytest.mark.parametrize("column", by_type([TEXT, SHORT, JSON]))
def test_10_invalid_utf8_is_refused(value, column):
    assert refused(Text(value), column) == "invalid_utf8"
    assert fast(value, column) is None


def test_10_invalid_utf8_is_replaced_where_asked_for():
    assert careful(Text(b"a\xffb"), TEXT, replace_invalid=True) == ("a\ufffdb".encode(), ("invalid_utf8",))
    assert careful(Text(b'"\xff\\u0000"'), JSON, replace_invalid=True) == ('"\ufffd"'.encode(), ("invalid_utf8", "json_escape"))


def test_10_a_blob_is_text_only_where_asked_for():
    assert refused(b"abc", TEXT) == "blob"
    assert careful(b"abc", TEXT, replace_invalid=True) == (b"abc", ("blob",))
    assert careful(b"a\xff\0", TEXT, replace_invalid=True) == ("a\ufffd".encode(), ("blob", "invalid_utf8", "nul"))


def test_10_valid_text_needs_no_repair_where_replacing_is_allowed():
    assert careful("é", TEXT, replace_invalid=True) == ("é".encode(), ())


# 11: length


@pytest.mark.parametrize("value", ["", "abcd", "éééé", "😀😀😀😀", "\n\n\n\n"])
def test_11_characters_count_not_bytes(value):
    moves(value, SHORT, value)
    assert fast(value, SHORT) is not None


@pytest.mark.parametrize("value", ["abcde", "ééééé", "abcd "])
def test_11_too_long(value):
    assert refused(value, SHORT) == "length"
    assert fast(value, SHORT) is None


def test_11_no_limit():
    moves("x" * 10_000, SHORT._replace(length=None), "x" * 10_000)


# 12: dates


@pytest.mark.parametrize("column", by_type([DATE, TIMESTAMP]))
@pytest.mark.parametrize("value", ["", "  ", "0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00.000"])
def test_12_no_date(value, column):
    repaired(value, column, None, "empty")
    assert refused(value, column._replace(not_null=True)) == "empty"


@pytest.mark.parametrize("value", ["2023-02-29", "2024-13-01", "2024-1-1", "01.02.2024", "20240101", "0000-01-01", "today", 0, 1.5])
@pytest.mark.parametrize("column", by_type([DATE, TIMESTAMP]))
def test_12_malformed_dates(value, column):
    assert refused(value, column) == ("date" if column is DATE else "timestamp")


def test_12_dates():
    moves("2024-02-29", DATE, "2024-02-29")
    assert refused("2024-02-29 10:00:00", DATE) == "date"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-02-29", "2024-02-29 00:00:00"),
        ("2024-02-29 10:11", "2024-02-29 10:11:00"),
        ("2024-02-29T10:11:12", "2024-02-29 10:11:12"),
        ("2024-02-29 10:11:12.120000", "2024-02-29 10:11:12.12"),
        ("2024-02-29 10:11:12.000", "2024-02-29 10:11:12"),
        ("2024-02-29 10:11:12.000001", "2024-02-29 10:11:12.000001"),
    ],
)
def test_12_timestamps_are_as_postgresql_prints_them(value, expected):
    moves(value, TIMESTAMP, expected)


@pytest.mark.parametrize("value", ["2024-02-29 24:00:00", "2024-02-29 10:61", "2024-02-29 10:11:12Z", "2024-02-29 10:11:12+02:00"])
def test_12_malformed_timestamps(value):
    assert refused(value, TIMESTAMP) == "timestamp"


# 13: NULL


@pytest.mark.parametrize("column", by_type(ALL))
def test_13_null_in_a_column_that_is_not_null(column):
    column = column._replace(not_null=True)
    assert fast(None, column) is None
    assert refused(None, column) == "null"


# 14: a repair can make two keys equal. That is for the unique index to say; here it is seen that they are equal indeed.


def test_14_keys_that_are_equal_after_a_repair():
    assert careful("key\0", TEXT).field == careful("key", TEXT).field
    assert careful("É@x", TEXT).field != careful("é@x", TEXT).field


# 15 and 17: text is text


SPECIAL = (
    "it's",
    '"quoted"',
    "a\r\nb\rc\n",
    "a\tb",
    "\\",
    "\\\\",
    "\\n",
    "\\.",
    "\n\\.\n",
    "\\N",
    "__NULL__",
    "NULL",
    "%s %(x)s %%",
    "$1",
    "$$",
    "a\u2028b\u2029c\x85d",
    "👩\u200d👩\u200d👧",
    "e\u0301",
    "\u202e",
    "\ufeff",
    "\x01\x08\x0b\x0c\x1b\x7f",
    "",
    " ",
    "\uffff\U0010ffff",
    "[/INST]",
    "{{ jinja }}",
    "{% raw %}",
    "{# no #}",
    "<script>",
    "${HOME} `id`",
    "!unsafe x",
    "'; DROP TABLE chat; --",
)


@pytest.mark.parametrize("value", SPECIAL)
def test_15_and_17_text_stays_as_it_is(value):
    moves(value, TEXT, value)
    field = fast(value, TEXT)
    assert field == careful(value, TEXT).field
    assert not set(field) & set(b"\t\n\r")
    assert field not in (NULL_FIELD, b"\\.")


@pytest.mark.parametrize("value", SPECIAL)
def test_15_and_17_so_does_text_inside_json(value):
    for document in (json.dumps({value: [value]}), json.dumps({value: [value]}, ensure_ascii=False)):
        moves(document, JSON, document)
        assert not set(fast(document, JSON)) & set(b"\t\n\r")


# 16: size


def large(megabytes: int, unit: str) -> str:
    return unit * (megabytes * 1_000_000 // len(unit))


# A number here is no measurement: what takes quadratic time takes hours.
@pytest.mark.parametrize(("megabytes", "unit"), [(6, r"say \"yes\" "), (24, r"say \"yes\" "), (6, r"\\"), (6, PAIR)])
def test_16_a_large_value_does_not_hang(megabytes, unit):
    body = large(megabytes, unit)
    assert len(fast(f'"{body}"', JSON) or b"x" * len(body)) >= len(body)
    field, rules = careful(f'{{"a": NaN, "b": "\\u0000{body}"}}', JSON)
    assert rules == ("json_escape", "json_number")
    assert len(field) >= len(body)


def test_16_a_large_value_takes_a_small_multiple_of_its_size():
    value = Text(f'{{"a": NaN, "b": "\\u0000{large(3, chr(92) + chr(34))}"}}'.encode())
    tracemalloc.start()
    try:
        mend(value, JSON)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * len(value)


@pytest.mark.parametrize("unit", [r"say \"NaN\" ", "\\\\", r"\ud83d", '"'])
def test_16_a_large_value_that_is_cut_off_does_not_hang(unit):
    assert refused('{"a": NaN, "b": "' + large(4, unit), JSON) == "json"


def test_16_many_numbers_do_not_hang():
    value = "[" + "NaN, " * 300_000 + "1]"
    assert careful(value, JSON).field == b"[" + b"null, " * 300_000 + b"1]"


# Both ways say the same


FRAGMENTS = (
    "",
    " ",
    "\0",
    "\\",
    "\\\\",
    "\\u0000",
    "\\ud83d",
    "\\ude00",
    "\\\\u0000",
    '"',
    '\\"',
    "NaN",
    "-Infinity",
    "{",
    "}",
    '"a":',
    ",",
    "[",
    "]",
    "1",
    "0",
    "true",
    "null",
    "é",
    "😀",
    "\n",
    "\t",
    "2024-01-01",
    "+",
    "x",
    ".5",
    "e3",
    "\ufeff",
    "\u2028",
    "\u00a0",
)


def check_agreement(value: object, column: TargetColumn) -> None:
    field = fast(value, column)
    if field is None:
        return
    text = unescape(field).decode()
    if column.type == "json" and isinstance(value, (str, bytes)) and not is_json(text):
        # PostgreSQL parses all JSON, so the fast way leaves it to that.
        return
    assert careful(Text(value) if isinstance(value, bytes) else value, column) == (field, ())


@pytest.mark.parametrize("column", by_type(ALL))
@pytest.mark.parametrize("not_null", [False, True])
def test_what_the_fast_way_takes_the_careful_way_leaves_alone(column, not_null):
    column = column._replace(not_null=not_null)
    dice = random.Random(column.type)
    for _attempt in range(4000):
        check_agreement("".join(dice.choices(FRAGMENTS, k=dice.randint(0, 6))), column)
        check_agreement(bytes(dice.choices(b'\x00\x20"\\\xc3\xa9\xff\xed\xa0u0{}', k=dice.randint(0, 6))), column)
        number = dice.choice([None, dice.randint(-(2**63), 2**63 - 1), dice.randint(-2, 2), dice.uniform(-3, 3), 2.0, math.inf])
        check_agreement(number, column)


@pytest.mark.parametrize("column", by_type(ALL))
def test_what_is_mended_once_needs_no_second_time(column):
    dice = random.Random(column.type)
    for _attempt in range(4000):
        value = "".join(dice.choices(FRAGMENTS, k=dice.randint(0, 6)))
        try:
            field = careful(value, column).field
        except Unacceptable:
            continue
        if field != NULL_FIELD and column is not BOOLEAN:
            assert mend(Text(unescape(field)), column) == (field, ())


# What the target's columns will be


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("VARCHAR", ("character varying", None)),
        ("VARCHAR(255)", ("character varying", 255)),
        ("varchar ( 32 )", ("character varying", 32)),
        ("CHAR(32)", ("character varying", 32)),
        ("TEXT", ("text", None)),
        ("text", ("text", None)),
        ("JSON", ("json", None)),
        ("BOOLEAN", ("boolean", None)),
        ("BIGINT", ("bigint", None)),
        ("INTEGER", ("bigint", None)),
        ("DATE", ("date", None)),
    ],
)
def test_a_column_is_presumed_by_what_sqlite_declares(declared, expected):
    column = presumed_column("c", declared, True)
    assert (column.type, column.length) == expected
    assert column.not_null
    assert is_supported(column)


@pytest.mark.parametrize("declared", ["DATETIME", "", "BLOB", "TEXT[]"])
def test_nothing_is_presumed_where_it_is_open(declared):
    assert presumed_column("c", declared, False) is None


def test_a_type_that_open_webui_never_creates_is_not_supported():
    assert not is_supported(TargetColumn("c", "tsvector"))
