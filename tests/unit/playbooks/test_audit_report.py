# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict of an audit: one line of its own, which no other verdict holds; and how tests read it in Ansible's output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible.plugins.filter.mathstuff import human_readable
from lab.webui_play import Run

TEMPLATES = Path(__file__).parents[3] / "playbooks" / "templates"
READY = "READY to be moved."
NOT_READY = "NOT READY:"
ON_POSTGRESQL = "ON POSTGRESQL already. There is nothing to move."


def report(**audit: Any) -> list[str]:
    """The lines that audit.yml makes of what it has found."""
    found = {
        "ready": False,
        "moved": False,
        "reasons": [],
        "running": True,
        "database": {"kind": "sqlite", "where": "/data/webui.db"},
        "revision": "0bd252b206fb",
        "webui_versions": {"first": "0.12.1", "last": "0.12.4"},
        "size_bytes": 1048576,
        "wal_bytes": 0,
        "rows": 12,
        "left_out": [],
        "orphans": [],
        "value_findings": [],
        "holders": [],
    }
    # As ansible.builtin.template sets it up.
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["human_readable"] = human_readable
    return environment.get_template("audit_report.j2").render(webui_audit={**found, **audit}).splitlines()


def run(lines: list[str]) -> Run:
    """A play that has said these lines, as ansible.builtin.debug prints them."""
    return Run(0, f"ok: [host] => {json.dumps({'changed': False, 'msg': lines}, indent=4)}\n\nPLAY RECAP ***\nhost : ok=1 changed=0")


@pytest.mark.parametrize(
    ("audit", "verdict"),
    [
        ({"ready": True}, READY),
        ({"reasons": ["chat holds 3 values that PostgreSQL refuses."]}, NOT_READY),
        ({"moved": True}, ON_POSTGRESQL),
        ({"moved": True, "reasons": ["Open WebUI does not answer."]}, NOT_READY),
        # Nothing was found out at all.
        ({"reasons": ["Nothing here runs Open WebUI."], "database": None, "revision": None, "size_bytes": None}, NOT_READY),
    ],
)
def test_there_is_one_verdict_and_it_comes_first(audit: dict[str, Any], verdict: str) -> None:
    lines = report(**audit)
    assert lines[0] == verdict
    said = run(lines).said
    assert [line for line in said if line in (READY, NOT_READY, ON_POSTGRESQL)] == [verdict]


def test_reasons_follow_the_verdict() -> None:
    assert report(reasons=["one", "two"])[:3] == [NOT_READY, "  one", "  two"]


def test_values_are_told_with_the_keys_of_some_rows() -> None:
    found = {"table": "chat", "column": "chat", "rule": "json", "rows": 2, "refused": True, "sample_keys": ["a", "b"]}
    lines = report(value_findings=[found, {**found, "rule": "json_escape", "rows": 1, "refused": False, "sample_keys": ["c"]}])
    assert [line for line in lines if " values in " in line] == [
        "Refused: 2 values in chat.chat (json), for example of a; b.",
        "To be repaired: 1 values in chat.chat (json_escape), for example of c.",
    ]


def test_a_line_that_only_holds_a_verdict_is_none() -> None:
    run_of = run(["NOT READY:", "  It is not READY to be moved.", 'say "READY to be moved."', "é"])
    assert READY not in run_of.said
    assert run_of.said == ["NOT READY:", "  It is not READY to be moved.", 'say "READY to be moved."', "é"]


def test_what_is_said_in_one_line_is_no_list() -> None:
    """An answer of a module, as -vvv prints it, says nothing."""
    assert Run(0, 'ok: [host] => {"msg": "READY to be moved."}\n"alone"\n12\nnull').said == ["alone"]
