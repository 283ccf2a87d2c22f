# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a task has failed, as the playbooks say it: what stands in the way, and nothing else that a module has found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jinja2.nativetypes import NativeEnvironment

VARS = Path(__file__).parents[3] / "playbooks" / "vars" / "reasons.yml"
ONE = {"kind": "port", "message": "One."}
TWO = {"kind": "repair", "message": "Two."}


def reasons(**result: Any) -> list[str]:
    expression = yaml.safe_load(VARS.read_text(encoding="utf-8"))["__webui_reasons"]
    return list(NativeEnvironment().from_string(expression).render(ansible_failed_result=result))


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"msg": "One.; Two.", "problems": [ONE, TWO], "problems_total": 2}, ["One.", "Two."]),
        ({"msg": "no such file"}, ["no such file"]),
        ({"msg": "first\nsecond", "problems": []}, ["first", "second"]),
        ({}, ["no reason given"]),
        # webui_sqlite_check names in its message what fails it, and returns all that it has found.
        ({"msg": "webui.db: One.", "problems": [ONE, TWO], "ready": False}, ["webui.db: One."]),
    ],
)
def test_reasons(result: dict[str, Any], said: list[str]) -> None:
    assert reasons(**result) == said
