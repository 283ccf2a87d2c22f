# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How docker compose is called, and what is made of what it prints."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._compose.cli import WAYS, Compose, Way

PLAIN, WITH_PROFILES, ALONE = WAYS
# As Compose 2.26 and 2.40 print it, to standard error. The last line is of a call without --no-start.
RECREATED = """\
 DRY-RUN MODE -  Container ollama  Running
 DRY-RUN MODE -  Container project-chat-1  Recreate
 DRY-RUN MODE -  Container project-chat-1  Recreated
 DRY-RUN MODE -  Container e1a157092502_project-chat-1  Starting
"""


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """docker(out, err, code): a command of that name, which notes how it was called. Returns the calls."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def make(out="", err="", code=0):
        (tmp_path / "out").write_text(out)
        (tmp_path / "err").write_text(err)
        script = tmp_path / "docker"
        script.write_text(
            f'#!/bin/sh\nfor word; do echo "$word"; done >>{tmp_path}/calls\npwd >>{tmp_path}/calls\n'
            f"cat {tmp_path}/out; cat {tmp_path}/err >&2\nexit {code}\n"
        )
        script.chmod(0o755)
        return tmp_path / "calls"

    return make


@pytest.fixture
def compose(tmp_path):
    return Compose("unix:///docker.sock", str(tmp_path), "project", ["/env"])


def test_how_it_is_called(docker, compose, tmp_path):
    calls = docker("{}")
    compose.config(["/one.yaml", "/two.yaml"], "chat")
    head = ["--host", "unix:///docker.sock", "compose", "--project-directory", str(tmp_path), "--project-name", "project"]
    files = ["--env-file", "/env", "--file", "/one.yaml", "--file", "/two.yaml"]
    assert calls.read_text().splitlines() == [*head, *files, "config", "--format", "json", "chat", str(tmp_path)]


@pytest.mark.parametrize(
    ("way", "before", "after"),
    [(PLAIN, [], []), (WITH_PROFILES, ["--profile", "*"], []), (ALONE, [], ["--no-deps"])],
)
def test_how_it_is_asked_and_told_to_bring_the_service_up(docker, compose, way, before, after):
    calls = docker()
    compose.plan([], "chat", way)
    asked = calls.read_text().splitlines()
    calls.unlink()
    assert compose.make([], "chat", way) == ""
    told = calls.read_text().splitlines()
    up = ["up", "--no-start", "--no-build", "--pull", "never", *after, "chat"]
    assert told[9:-1] == [*before, *up]
    # The same, but for the question.
    assert asked == [*told[: 9 + len(before)], "--dry-run", *told[9 + len(before) :]]


def test_what_it_would_do(docker, compose):
    docker(err=RECREATED)
    plan = compose.plan([], "chat", PLAIN)
    assert not plan.leaves("project-chat-1")
    assert plan.leaves("ollama")
    assert plan.touches("project-chat-1") == []
    assert plan.touches("ollama") == ["e1a157092502_project-chat-1", "project-chat-1"]


def test_newer_releases_print_it_with_fewer_spaces(docker, compose):
    docker(err="\x1b[32m DRY-RUN MODE -  Container ollama Creating \x1b[0m\n DRY-RUN MODE - Container chat Running\n")
    plan = compose.plan([], "chat", PLAIN)
    assert plan.leaves("chat")
    assert plan.touches("chat") == ["ollama"]


def test_a_refusal_leaves_nothing_in_place(docker, compose):
    docker(err="no such service", code=14)
    plan = compose.plan([], "chat", PLAIN)
    assert not plan.leaves("chat")
    assert plan.touches("chat") == []
    assert compose.config([], "chat") is None
    assert compose.digest([], "chat") == ""
    assert compose.version() == ""
    assert compose.make([], "chat", PLAIN) == "no such service"


def test_a_failure_in_the_last_lines_of_many(docker, compose):
    docker(err="one\n\ntwo\n three\nfour\n", code=1)
    assert compose.make([], "chat", PLAIN) == "two / three / four"
    docker(code=3)
    assert compose.make([], "chat", PLAIN) == "it ended with 3"


def test_no_json_is_no_answer(docker, compose):
    docker("name: project\n")
    assert compose.config([], "chat") is None


def test_the_digest(docker, compose):
    docker(f"chat {'a1' * 32}\n")
    assert compose.digest([], "chat") == "a1" * 32


def test_the_configuration(docker, compose):
    docker(json.dumps({"services": {"chat": {}}}))
    assert compose.config([], "chat") == {"services": {"chat": {}}}


def test_no_docker_at_all(compose, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compose.version() == ""
    assert compose.make([], "chat", Way())
