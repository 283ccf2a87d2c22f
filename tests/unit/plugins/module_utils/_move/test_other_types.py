# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types that Open WebUI itself never creates: what is written for a value, what is refused, what counts as the same."""

from __future__ import annotations

import math
import random
import struct

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._move.other_types import (
    Shape,
    Unfit,
    canonical,
    convert,
    is_convertible,
    judge_jsonb,
    unescape,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._move.values import TargetColumn, comparable, mend
from ansible_collections.openwebui.postgres.plugins.module_utils._sqlite.database import Text

PRICE = Shape(precision=6, scale=2)


@pytest.mark.parametrize(
    ("value", "shape", "written"),
    [
        (5, PRICE, "5.00"),
        (0.1, PRICE, "0.10"),
        ("+007.5", PRICE, "7.50"),
        (-0.0, PRICE, "0.00"),
        ("9999.99", PRICE, "9999.99"),
        ("nan", PRICE, "NaN"),
        ("-Infinity", Shape(), "-Infinity"),
        ("1.50e1", Shape(), "15.0"),
        ("1e3", Shape(), "1000"),
        (12000, Shape(precision=2, scale=-3), "12000"),
        ("0.00012", Shape(precision=2, scale=5), "0.00012"),
    ],
)
def test_numeric(value, shape, written):
    assert convert(value, "numeric", None, shape) == written


@pytest.mark.parametrize(
    ("value", "shape", "rule"),
    [
        (0.30000000000000004, PRICE, "rounded"),
        ("10000", PRICE, "overflow"),
        ("9999.995", PRICE, "rounded"),
        ("inf", PRICE, "overflow"),
        ("1e200000", Shape(), "overflow"),
        ("1e-20000", Shape(), "rounded"),
        (12345, Shape(precision=2, scale=-3), "rounded"),
        ("0.1", Shape(precision=2, scale=5), "overflow"),
        ("1,5", Shape(), "number"),
        ("0x10", Shape(), "number"),
        ("1_000", Shape(), "number"),
        (" 1", Shape(), "number"),
        ("", Shape(), "number"),
    ],
)
def test_numeric_refused(value, shape, rule):
    with pytest.raises(Unfit) as caught:
        convert(value, "numeric", None, shape)
    assert caught.value.rule == rule


def test_any_double_survives_its_own_text_and_postgresqls():
    dice = random.Random(7)
    make_same = canonical("double precision")
    for _turn in range(2000):
        value = struct.unpack("<d", dice.randbytes(8))[0]
        if math.isnan(value):
            continue
        written = convert(value, "double precision", None, Shape()).encode()
        assert struct.pack("<d", float(written)) == struct.pack("<d", value)
        # PostgreSQL may print another text for the same bits.
        assert make_same(b"%.17g" % value if abs(value) != float("inf") else written) == make_same(written)


def test_the_sign_of_zero_counts_in_a_double():
    make_same = canonical("double precision")
    assert make_same(convert(-0.0, "double precision", None, Shape()).encode()) == make_same(b"-0") != make_same(b"0")


def test_any_single_survives():
    dice = random.Random(7)
    for _turn in range(2000):
        value = struct.unpack("<f", dice.randbytes(4))[0]
        if not math.isnan(value):
            written = convert(value, "real", None, Shape())
            assert struct.pack("<f", float(written)) == struct.pack("<f", value)
    with pytest.raises(Unfit):
        convert(0.1234567891, "real", None, Shape())


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("2024-01-01 00:30:00+01", "2023-12-31 23:30:00+00"),
        ("2024-01-01T00:30+0530", "2023-12-31 19:00:00+00"),
        ("2024-01-01 00:30:00.100 UTC", "2024-01-01 00:30:00.1+00"),
    ],
)
def test_moments_in_utc(value, written):
    assert convert(value, "timestamp with time zone", None, Shape()) == written


@pytest.mark.parametrize(
    "value",
    ["0001-01-01 00:00:00+01", "9999-12-31 23:59:59-01", "2024-13-01", "2024-01-01 10:00.5", "now", 5, "2024-01-01 00:00:00+16"],
)
def test_what_is_no_moment(value):
    with pytest.raises(Unfit, match="timestamp"):
        convert(value, "timestamp with time zone", None, Shape())


@pytest.mark.parametrize("value", ["{6f1c0b6e8d1f4e35b7a95f0c0b6e8d1f", "6f1c0b6e-8d1f4e35b7a95f0c0b6e8d1f", b"short", 5, ""])
def test_what_is_no_uuid(value):
    with pytest.raises(Unfit, match="uuid"):
        convert(value, "uuid", None, Shape())


@pytest.mark.parametrize("value", ['["\\u0000"]', '["\\ud800"]'])
def test_an_array_with_what_postgresql_does_not_take(value):
    with pytest.raises(Unfit, match="json_escape"):
        convert(value, "array", None, Shape(element="text"))


def test_what_can_be_converted():
    assert is_convertible("numeric", PRICE)
    assert is_convertible("array", Shape(element="citext"))
    assert not is_convertible("array", Shape(element="integer"))
    assert not is_convertible("interval", Shape())


# JSON that PostgreSQL takes apart


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (b'{"b":1.10,"a":1e2}', b'{"a": 100, "b": 1.10}'),
        (b"[-0.0]", b"[0.0]"),
        (b'"\\\\ud83d\\\\ude00\\\\n"', '"\U0001f600\\\\n"'.encode()),
        (b'{"a":1,"a":2}', b'{"a": 2}'),
        (b"\\N", b"\\N"),
        (b"[1E400]", b"[1" + b"0" * 400 + b"]"),
    ],
)
def test_the_same_content(ours, theirs):
    make_same = canonical("jsonb")
    assert make_same(ours) == make_same(theirs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1}', b'{"a": "1"}'),
        (b"[1, 2]", b"[2, 1]"),
        (b"[1.1]", b"[1.10000000000000000001]"),
        (b"[10]", b"[1]"),
        (b"null", b"\\N"),
        (b'["a\\\\nb"]', b'["anb"]'),
    ],
)
def test_other_content(one, other):
    make_same = canonical("jsonb")
    assert make_same(one) != make_same(other)


def test_what_jsonb_loses():
    assert judge_jsonb('{"a": {"b": 1, "b": 2}}') == ("json_duplicate",)
    assert judge_jsonb('[{"b": 1}, {"b": 2}]') == ()
    for value, rule in (("[" * 100_000 + "]" * 100_000, "json_depth"), ("1e-20000", "rounded"), ("1e99999999999999999999", "overflow")):
        with pytest.raises(Unfit, match=rule):
            judge_jsonb(value)


def test_unescaping_undoes_what_copy_escapes():
    assert unescape(b"a\\tb\\\\n\\n") == b"a\tb\\n\n"


# Lines


def test_only_fields_that_need_it_are_touched():
    columns = [TargetColumn("a", "text"), TargetColumn("b", "jsonb"), TargetColumn("c", "real")]
    make_comparable = comparable(columns)
    assert make_comparable(b'1.0\t{"x": 1.0}\t1e+10\n') == make_comparable(b'1.0\t{"x":1}\t10000000000\n')
    assert make_comparable(b"1.0\t\\N\t\\N\n") == b"1.0\t\\N\t\\N\n"
    assert comparable(columns[:1]) is None


def test_bytes_stay_bytes_and_text_counts_as_its_bytes():
    column = TargetColumn("c", "bytea")
    assert mend(b"\x00\xff", column).field == b"\\\\x00ff"
    assert mend(Text(b"\xff"), column).field == b"\\\\xff"
