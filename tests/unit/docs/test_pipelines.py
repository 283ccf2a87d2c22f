# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pipelines to copy: their scripts are run in a real shell, with an ansible-playbook that only notes how it was called."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from ansible.cli.playbook import PlaybookCLI
from lab.paths import ROOT

EXAMPLES = ROOT / "docs" / "examples"
GITLAB = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text(encoding="utf-8"))
GITHUB = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text(encoding="utf-8"))
# YAML 1.1 takes the word "on" for true.
EVENTS = GITHUB[True]
JOBS = ("audit", "rehearse", "migrate")
SECRETS = {
    "VAULT_PASSWORD": "of the vault",
    "SSH_PRIVATE_KEY": "-----BEGIN\nof ssh\n-----END",
    "SSH_KNOWN_HOSTS": "chat.example.org ssh-ed25519 AAAA",
}
STAND_IN = f"""#!{sys.executable}
import json, os, sys
names = [name for name in os.environ if name.startswith("ANSIBLE_")]
json.dump({{"argv": sys.argv, "environment": {{name: os.environ[name] for name in names}}}}, open(os.environ["CALLED"], "w"))
sys.exit(2)
"""


class Call(NamedTuple):
    """How a job has called ansible-playbook, and how the job ended."""

    options: Any
    variables: dict[str, str]
    environment: dict[str, str]
    files: dict[str, tuple[str, int]]
    exit_status: int
    argv: list[str]


def run(folder: Path, script: str, environment: dict[str, str]) -> Call:
    """Run it as a runner does, and see what is left of it; its exit status is 2, which ansible-playbook ends with."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "ansible-playbook"
    program.write_text(STAND_IN, encoding="utf-8")
    program.chmod(0o755)
    called = folder / "called.json"
    known = {"PATH": f"{program.parent}:{os.environ['PATH']}", "HOME": str(folder), "CALLED": str(called)}
    ended = subprocess.run(
        ["bash", "-o", "errexit", "-o", "pipefail", "-c", f"umask 000\n{script}"], env={**known, **environment}, cwd=folder, check=False
    )
    noted = json.loads(called.read_text(encoding="utf-8"))
    playbook = PlaybookCLI(noted["argv"])
    playbook.init_parser()
    options = playbook.parser.parse_args(noted["argv"][1:])
    variables = dict(pair.split("=", 1) for pair in options.extra_vars)
    paths = [path for path in folder.rglob("*") if path.is_file() and path not in (program, called)]
    files = {path.name: (path.read_text(encoding="utf-8"), stat.S_IMODE(path.stat().st_mode)) for path in paths}
    return Call(options, variables, noted["environment"], files, ended.returncode, noted["argv"])


def gitlab(folder: Path, job: str) -> Call:
    known = GITLAB[GITLAB[job]["extends"]] | GITLAB[job]
    settings = {"CI_PROJECT_DIR": str(folder), "SECRETS": GITLAB["variables"]["SECRETS"].replace("$CI_PROJECT_DIR", str(folder))}
    return run(folder, "\n".join([*known["before_script"], *known["script"]]), {**settings, **SECRETS})


def github(folder: Path, job: str) -> Call:
    """All steps that run a command, but for the one that installs. What one writes into GITHUB_ENV, the next has in its environment."""
    steps = [step for step in GITHUB["jobs"][job]["steps"] if "run" in step and not step["name"].startswith("Install")]
    assert {name for step in steps for name in step.get("env", {})} == set(SECRETS)
    put, call = (step["run"] for step in steps)
    handed_on = 'while IFS= read -r line; do export "${line?}"; done < "$GITHUB_ENV"'
    settings = {"RUNNER_TEMP": str(folder), "GITHUB_ENV": str(folder / "handed-on")}
    return run(folder, "\n".join([f"({put})", handed_on, call]), {**settings, **SECRETS})


@pytest.fixture(params=[(system, job) for system in (gitlab, github) for job in JOBS], ids=lambda param: f"{param[0].__name__}-{param[1]}")
def call(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Call]:
    system, job = request.param
    return job, system(tmp_path, job)


def test_each_job_calls_its_playbook(call: tuple[str, Call]) -> None:
    job, called = call
    playbook = "audit" if job == "audit" else "migrate"
    assert (called.options.args, called.options.check) == ([f"openwebui.postgres.{playbook}"], job == "rehearse")
    assert called.options.inventory == ["inventory"]


def test_the_window_is_for_the_migration(call: tuple[str, Call]) -> None:
    job, called = call
    window = {name: value for name, value in called.variables.items() if name.startswith("webui_not_")}
    assert window == ({"webui_not_before": "02:00", "webui_not_after": "05:00"} if job == "migrate" else {})


def test_an_audit_is_red_where_a_host_cannot_be_moved(call: tuple[str, Call]) -> None:
    job, called = call
    assert called.variables.get("webui_audit_fail_on") == ("not_ready" if job == "audit" else None)


@pytest.mark.parametrize("pipeline", [GITLAB["variables"], GITHUB["env"]], ids=["gitlab", "github"])
def test_the_log_is_kept_short(pipeline: dict[str, str]) -> None:
    assert (pipeline["ANSIBLE_STDOUT_CALLBACK"], pipeline["OPENWEBUI_QUIET"]) == ("openwebui.postgres.webui", "true")


def test_a_failed_run_is_a_failed_job(call: tuple[str, Call]) -> None:
    assert call[1].exit_status == 2


def test_secrets_are_in_files_that_nobody_else_can_read(call: tuple[str, Call]) -> None:
    files = call[1].files
    written = {"vault-password": "VAULT_PASSWORD", "ssh-key": "SSH_PRIVATE_KEY", "known-hosts": "SSH_KNOWN_HOSTS"}
    assert {name: files[name] for name in written} == {name: (f"{SECRETS[secret]}\n", 0o600) for name, secret in written.items()}


def test_ansible_is_told_of_the_files_and_of_no_secret(call: tuple[str, Call]) -> None:
    environment = call[1].environment
    assert Path(environment["ANSIBLE_VAULT_PASSWORD_FILE"]).name == "vault-password"
    assert Path(environment["ANSIBLE_PRIVATE_KEY_FILE"]).name == "ssh-key"
    assert re.fullmatch(r"-o UserKnownHostsFile=/\S*/known-hosts", environment["ANSIBLE_SSH_COMMON_ARGS"])
    told = " ".join([*environment.values(), *call[1].argv])
    assert [secret for secret in SECRETS.values() if secret in told] == []


def test_no_program_gets_a_secret_as_an_argument() -> None:
    """What stands in a command line is in the process list. printf is a builtin, and its output goes into a file."""
    scripts = [
        line for job in GITLAB.values() if isinstance(job, dict) for part in ("before_script", "script") for line in job.get(part, [])
    ]
    scripts += [line for job in GITHUB["jobs"].values() for step in job["steps"] for line in step.get("run", "").splitlines()]
    named = [line.strip() for line in scripts if any(f"${name}" in line for name in SECRETS)]
    assert len(named) == 3 + 3 * len(JOBS)
    assert [line for line in named if not re.fullmatch(r"printf '%s\\n' \"\$\w+\" > \"\$\w+/[\w-]+\"", line)] == []
    assert "${{ secrets" not in " ".join(scripts)


def test_gitlab_removes_its_files(tmp_path: Path) -> None:
    gitlab(tmp_path, "audit")
    after = "\n".join(GITLAB[".playbook"]["after_script"])
    subprocess.run(["bash", "-c", after], env={"PATH": os.environ["PATH"], "SECRETS": str(tmp_path / ".secrets")}, check=True)
    assert not (tmp_path / ".secrets").exists()


def test_gitlab_hands_out_the_report_also_of_a_failed_job(tmp_path: Path) -> None:
    job = GITLAB[".playbook"]
    assert (job["artifacts"]["paths"], job["artifacts"]["when"]) == (["report/"], "always")
    assert (job["cache"]["paths"], job["cache"]["when"]) == (["report/"], "always")
    assert gitlab(tmp_path, "audit").variables["webui_report_dir"] == str(tmp_path / "report")


@pytest.mark.parametrize("job", JOBS)
def test_github_hands_out_the_report_also_of_a_failed_job(job: str, tmp_path: Path) -> None:
    step = GITHUB["jobs"][job]["steps"][-1]
    assert (step["if"], step["with"]["path"]) == ("always()", "~/openwebui-postgres-report")
    # The default.
    assert "webui_report_dir" not in github(tmp_path, job).variables


def test_gitlab_audits_on_a_schedule_and_migrates_on_a_tag_once_rehearsed() -> None:
    assert [GITLAB[job]["stage"] for job in JOBS] == GITLAB["stages"]
    assert GITLAB["audit"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    assert GITLAB["rehearse"]["rules"] == [{"if": "$CI_COMMIT_TAG"}]
    assert GITLAB["migrate"]["rules"] == [{"if": "$CI_COMMIT_TAG", "when": "manual", "allow_failure": False}]
    assert GITLAB["migrate"]["interruptible"] is False


def test_github_audits_on_a_schedule_and_migrates_on_a_tag_once_rehearsed() -> None:
    assert set(EVENTS) == {"schedule", "push"}
    assert set(EVENTS["push"]) == {"tags"}
    jobs = GITHUB["jobs"]
    assert jobs["audit"]["if"] == "github.event_name == 'schedule'"
    assert jobs["rehearse"]["if"] == "github.event_name == 'push'"
    assert jobs["migrate"]["needs"] == "rehearse"
    assert GITHUB["concurrency"]["cancel-in-progress"] is False
