# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hours in which Open WebUI may be stopped."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Iterator, NamedTuple

# How long a window is open that says only when it begins.
HOURS_OPEN = 6


class Window(NamedTuple):
    """When stops may begin, in seconds since 1970."""

    opens_at: float
    closes_at: float


def window(not_before: Any, not_after: Any, now: float) -> Window | None:
    """The window that is open at this time, or else the next one; None where every time is right.

    :arg not_before: a time of the day, such as C(02:00), by the clock of the controller.
    :arg not_after: the same. Empty for six hours later.
    :arg now: seconds since 1970.
    :raises ValueError: with what is wrong, when one of the two is no time of the day.
    """
    if not_before in (None, ""):
        if not_after in (None, ""):
            return None
        raise ValueError("webui_not_after is of use with webui_not_before only; set both, or neither.")
    opens = _minutes("webui_not_before", not_before)
    closes = _minutes("webui_not_after", not_after) if not_after not in (None, "") else opens + HOURS_OPEN * 60
    length = (closes - opens) % (24 * 60)
    if length == 0:
        raise ValueError("webui_not_before and webui_not_after are the same time; leave both out for a window that is always open.")
    return next(found for found in _windows(opens, length, now) if found.opens_at < found.closes_at and now < found.closes_at)


def _windows(opens: int, length: int, now: float) -> Iterator[Window]:
    """Those of yesterday, of today, and so on.

    They are what the clock on the wall shows, without a time zone until the last step: it may be set in between. A window that lies in
    the hour that is left out then is none.
    """
    today = datetime.fromtimestamp(now).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in range(-1, 4):
        opened = today + timedelta(days=days, minutes=opens)
        yield Window(opened.timestamp(), (opened + timedelta(minutes=length)).timestamp())


def _minutes(name: str, told: Any) -> int:
    """Minutes since midnight. YAML reads 22:30 without quotes as a number to the base of sixty, which is just that."""
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", str(told).strip())
    if found:
        return int(found[1]) * 60 + int(found[2])
    if re.fullmatch(r"\d+", str(told)) and 600 <= int(told) < 24 * 60:
        return int(told)
    raise ValueError(f'{name} is "{told}", which is no time of the day; write it like "02:00".')
