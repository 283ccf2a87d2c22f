# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests read in the output of a play."""

from __future__ import annotations

from lab.webui_play import Run


def run(*lines: str) -> Run:
    """A play that has said these lines at its end, with what Ansible prints before and after."""
    before = ["TASK [Note what came of it] ***", "ok: [host]", "READY to be moved.", ""]
    after = ["ok: [host]", "", "PLAY RECAP ***", "host : ok=4 changed=2 failed=0", "other : ok=1 changed=1 failed=0"]
    return Run(0, "\n".join([*before, "TASK [Say what came of the run] ***", *lines, *after]))


def test_what_is_said_is_what_stands_between_the_task_and_its_result() -> None:
    lines = ["NOT READY:", "  It is not READY to be moved.", 'say "READY to be moved."', "é", "", "ok: it is"]
    assert run(*lines).said == lines
    assert run().said == []


def test_a_line_that_only_holds_a_verdict_is_none() -> None:
    assert "READY to be moved." not in run("NOT READY:", "  It is not READY to be moved.").said


def test_a_run_that_ended_before_has_said_nothing() -> None:
    assert Run(2, "TASK [Note what came of it] ***\nfatal: [host]: UNREACHABLE!\n").said == []


def test_changes_are_those_of_all_hosts() -> None:
    assert run().changed == 3
