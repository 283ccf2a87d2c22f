# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's commands: they end, what they leave behind is not waited for, and their last words hold no secret."""

from __future__ import annotations

import os
import signal
import time

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import command as _command
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.command import (
    Answer,
    ask,
    insist,
    last_words,
    run,
    wait_until_stopped,
)
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Refused

PATIENCE = 60


def sh(script, timeout=PATIENCE, env_file="/etc/open-webui.env"):
    return run(["/bin/sh", "-c", script], env_file, timeout)


def message(do, *arguments):
    with pytest.raises(Refused) as caught:
        do(*arguments)
    [problem] = caught.value.problems
    assert problem.kind == "command"
    return problem.message


def test_it_is_given_the_env_file_and_its_answer_told():
    assert sh("echo out; echo err >&2; echo $WEBUI_ENV_FILE; exit 3") == Answer(3, "out\n/etc/open-webui.env\nerr")


def test_words_may_name_variables_as_in_a_task(monkeypatch):
    monkeypatch.setenv("HERE", "/srv")
    answer = run(["echo", "$WEBUI_ENV_FILE", "${WEBUI_ENV_FILE}", "$HERE/x", "$WEBUI_ENV_FILES"], "/etc/e", PATIENCE)
    assert answer == Answer(0, "/etc/e /etc/e /srv/x $WEBUI_ENV_FILES")


def test_what_cannot_be_run(tmp_path):
    (tmp_path / "plain").write_text("")
    assert run(["no-such-command-here"], "/e", PATIENCE) == Answer(127, "no-such-command-here: No such file or directory")
    assert run([str(tmp_path / "plain")], "/e", PATIENCE).code == 126


def test_what_it_leaves_in_the_background_is_not_waited_for():
    """A service that keeps the output of its start command open, as one without a log of its own does."""
    answer = sh("sleep 600 & echo $!")
    os.kill(int(answer.words), signal.SIGKILL)
    assert answer.code == 0


def test_one_that_takes_too_long_is_ended_with_what_it_waits_for():
    answer = sh("sleep 600 & echo $!; wait", 0.5)
    assert answer.code == 124
    child = int(answer.words)
    deadline = time.monotonic() + PATIENCE
    while os.path.exists(f"/proc/{child}") and state(child) != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    said = message(insist, ["stop-it", "now"], answer, 0.5, [])
    assert said == f'The command "stop-it now" failed with return code 124, not done within 0.5 seconds. Its last words: {child}'


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stream:
        return stream.read().rpartition(")")[2].split()[0]


def test_one_that_does_not_want_to_end_is_killed(monkeypatch):
    monkeypatch.setattr(_command, "GRACE_SECONDS", 0.1)
    assert sh("trap '' TERM; echo ready; while :; do sleep 0.1; done", 0.5).code == 124


def test_one_that_never_stops_printing_is_ended_as_well():
    assert sh("yes", 0.5).code == 124


def test_what_prints_for_ever_in_the_background_is_not_waited_for():
    """It ends by itself, since nobody listens any more."""
    assert sh("yes &").code == 0


def test_one_that_a_signal_has_ended():
    assert sh("kill -KILL $$").code == 137


def test_a_lot_of_output_does_not_stop_it():
    answer = sh("i=0; while [ $i -lt 20000 ]; do echo 'line of a log that goes on and on'; i=$((i+1)); done; echo last")
    assert answer.code == 0
    assert len(answer.words) <= 65536
    assert set(answer.words.splitlines()) == {"line of a log that goes on and on", "last"}


def test_last_words_are_masked_before_they_are_cut():
    secret = "s" * 600
    words = "\n".join([*(f"line {number}" for number in range(20)), f"password {secret}", "x" * 600])
    shown = last_words(Answer(1, words), [secret])
    assert len(shown) == 10
    assert shown[-2:] == ["password ********", "x" * 499 + "…"]


def test_a_failure_is_one_line_without_a_secret():
    answer = Answer(1, "to postgresql://u:p%40ss-1@db/n\np@ss-1 refused")
    assert message(insist, ["start", "p@ss-1"], answer, PATIENCE, ["p%40ss-1", "p@ss-1"]) == (
        'The command "start ********" failed with return code 1. Its last words: to postgresql://********@db/n / ******** refused'
    )


@pytest.mark.parametrize("code", [124, 125, 126, 127])
def test_no_answer_is_a_failure(code):
    argv = ["/bin/sh", "-c", f"echo why; exit {code}"]
    assert "Its last words: why" in message(ask, argv, "/e", PATIENCE, [])
    assert "Its last words: why" in message(wait_until_stopped, argv, "/e", PATIENCE, 0, [])


@pytest.mark.parametrize("code", [0, 1, 3, 255])
def test_any_other_return_code_is_an_answer(code):
    assert ask(["/bin/sh", "-c", f"exit {code}"], "/e", PATIENCE, []).code == code


def test_it_is_asked_until_it_has_stopped(tmp_path):
    """It still runs at the first two questions, and the third has no answer."""
    script = f"echo >> {tmp_path}/asked; n=$(wc -l < {tmp_path}/asked); [ $n -ne 3 ] || exit 127; [ $n -lt 4 ]"
    wait_until_stopped(["/bin/sh", "-c", script], "/e", PATIENCE, PATIENCE, [])
    assert len((tmp_path / "asked").read_text()) == 4


def test_one_that_does_not_stop_is_named():
    said = message(wait_until_stopped, ["true"], "/e", PATIENCE, 0, [])
    assert said.startswith('The stop command has ended, but 0 seconds later "true" still says that Open WebUI runs. Make webui_')
