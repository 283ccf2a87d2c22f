# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tests failed and why, a line each, to be said once more at the end: what is kept of a long run's output is often its end only."""

from __future__ import annotations

import xml.etree.ElementTree
from pathlib import Path

WORDS = 200


def failures(report: Path) -> list[str]:
    """Name and reason of each test that failed, of a report in JUnit's format; empty where there is no report."""
    if not report.is_file():
        return []
    found = []
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        for outcome in [*case.findall("failure"), *case.findall("error")]:
            reason = " ".join((outcome.get("message") or "").split())
            found.append(f"{case.get('classname')}::{case.get('name')}: {reason[:WORDS]}")
    return found
