# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module ends: well, refused with every reason, or failed by what it has found."""

from __future__ import annotations

import json
import time
from typing import Any, Callable

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.openwebui.postgres.plugins.module_utils._module import answer, require_psycopg, without_secrets
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import LISTED_AT_MOST, Findings, Problem, Refused

SECRET = "correct horse battery staple"
SPEC = {"path": {"type": "path"}, "env": {"type": "dict", "no_log": True}}


def framed(work: Callable[[], dict[str, Any]], **options: Any) -> Callable[[], None]:
    """The main() of a module that does this work."""
    return lambda: answer(AnsibleModule(argument_spec=SPEC, supports_check_mode=True), work, **options)


def refused(*problems: Problem, total: int | None = None) -> Callable[[], dict[str, Any]]:
    def work() -> dict[str, Any]:
        raise Refused(list(problems), total)

    return work


def test_what_the_work_returns_is_returned(call_module):
    said = call_module(framed(lambda: {"changed": True, "rows": 3}), {})
    assert (said["changed"], said["rows"], said["warnings"]) == (True, 3, [])
    assert not {"failed", "problems", "problems_total", "diff", "failure"} & set(said)


@pytest.mark.parametrize("work", [lambda: {"changed": False}, refused(Problem("port", "One."))], ids=["well", "refused"])
def test_it_says_when_it_was_at_work(call_module, work):
    before = time.time()
    call_module(framed(work), {})
    assert before - 0.001 <= call_module.timing["began_at"] <= call_module.timing["ended_at"] <= time.time() + 0.001


def test_warnings_are_said(call_module):
    assert call_module(framed(lambda: {"changed": False, "warnings": ["one", "two"]}), {})["warnings"] == ["one", "two"]


@pytest.mark.parametrize("asked", [False, True])
def test_a_diff_is_for_those_who_ask(call_module, asked):
    said = call_module(framed(lambda: {"changed": True, "diff": {"before": "a", "after": "b"}}), {}, diff=asked)
    assert said.get("diff") == ({"before": "a", "after": "b"} if asked else None)


def test_a_refusal_has_every_reason(call_module):
    said = call_module(framed(refused(Problem("port", "One."), Problem("column", "Two.", table="chat", column="id"))), {})
    assert said["failed"]
    assert said["msg"] == "One.; Two."
    assert said["problems"] == [
        {"kind": "port", "message": "One."},
        {"kind": "column", "message": "Two.", "table": "chat", "column": "id"},
    ]
    assert said["problems_total"] == 2


def test_the_total_counts_what_is_not_listed(call_module):
    findings = Findings()
    for number in range(LISTED_AT_MOST + 7):
        findings.add("value", f"{number}")

    def work() -> dict[str, Any]:
        raise findings.refusal()

    said = call_module(framed(work), {})
    assert (len(said["problems"]), said["problems_total"]) == (LISTED_AT_MOST, LISTED_AT_MOST + 7)


def test_a_refusal_can_be_told_in_other_words_and_with_more(call_module):
    options: dict[str, Any] = {"told": lambda refusal: f"{refusal.total} in all", "if_refused": {"ready": False}}
    said = call_module(framed(refused(Problem("port", "One.")), **options), {})
    assert (said["msg"], said["ready"]) == ("1 in all", False)
    assert "ready" not in call_module(framed(lambda: {"changed": False}, **options), {})


def test_findings_that_fail_a_task_leave_its_result(call_module):
    said = call_module(framed(lambda: {"changed": False, "rows": 3, "failure": "too few rows", "warnings": ["one"]}), {})
    assert (said["failed"], said["msg"], said["rows"], said["warnings"]) == (True, "too few rows", 3, ["one"])
    assert "failure" not in said
    said = call_module(framed(lambda: {"changed": False, "failure": ""}), {})
    assert not {"failed", "failure"} & set(said)


@pytest.mark.parametrize(
    "work",
    [lambda: {"changed": False}, refused(Problem("port", "One.")), lambda: {"failure": "found"}],
    ids=["done", "refused", "failed"],
)
def test_what_is_always_returned_is_returned_in_every_case(call_module, work):
    assert call_module(framed(work, place="here"), {})["place"] == "here"


@pytest.mark.parametrize(
    "work",
    [
        lambda: {"told": f"{SECRET} at /srv/15/webui"},
        refused(Problem("port", f"{SECRET} at /srv/15/webui")),
        lambda: {"failure": f"{SECRET} at /srv/15/webui"},
    ],
    ids=["done", "refused", "failed"],
)
def test_secrets_are_hidden_and_what_only_looks_like_one_is_not(call_module, work):
    def main() -> None:
        module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
        answer(module, work, invocation=without_secrets(module, [SECRET], env=["DATABASE_POOL_SIZE", "DATABASE_URL"]))

    said = call_module(main, {"path": "/srv/15/webui", "env": {"DATABASE_POOL_SIZE": "15", "DATABASE_URL": SECRET}})
    assert SECRET not in json.dumps(said)
    assert said["invocation"] == {"module_args": {"path": "/srv/15/webui", "env": ["DATABASE_POOL_SIZE", "DATABASE_URL"]}}
    assert said.get("told", said.get("msg")).endswith(" at /srv/15/webui")


def test_what_is_no_refusal_is_not_swallowed():
    module = type("Module", (), {"params": {}})()
    with pytest.raises(ZeroDivisionError):
        answer(module, lambda: {"rows": 1 // 0})


@pytest.mark.parametrize(("error", "goes_on"), [(None, True), ("ImportError: no psycopg", False)])
def test_a_module_that_needs_psycopg_says_so(call_module, error, goes_on):
    def main() -> None:
        module = AnsibleModule(argument_spec=SPEC)
        require_psycopg(module, error)
        answer(module, lambda: {"done": True})

    said = call_module(main, {})
    assert said.get("done", False) == goes_on
    assert ("psycopg" in said.get("msg", "")) != goes_on


@pytest.mark.parametrize("options", [{"path": "/srv/a\0b"}, {"env": {"A": ["x", "secret\0"]}}, {"env": {"secret\0": "x"}}])
def test_a_byte_that_nothing_can_have_is_refused_before_any_work(call_module, options):
    said = call_module(framed(lambda: pytest.fail("worked")), options)
    (name,) = options
    assert said["failed"]
    assert said["msg"] == f"{name}: has a NUL byte in it; correct the variable it comes from"
    assert "secret" not in str(said["problems"])
