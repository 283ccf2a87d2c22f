# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks that make runs, each timed, with a table at the end."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, NamedTuple

from . import changelog, engine, images, install, paths, releases, sanity, site, tree
from .console import LabError, say, warn
from .failures import failures
from .processes import call, exit_code, stop_with_parent

Check = Callable[[], int]

BIN = paths.VENV / "bin"


def _environment(collections: Path = paths.COLLECTIONS) -> dict[str, str]:
    """Ansible and its linters with this collection, their caches inside the checkout."""
    return {
        "PATH": os.pathsep.join([str(BIN), os.environ["PATH"]]),
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        "ANSIBLE_HOME": str(paths.LAB / "ansible-home"),
        "XDG_CACHE_HOME": str(paths.CACHE),
        "NO_COLOR": "1",
    }


def _side_by_side(processes: int) -> tuple[str, ...]:
    """Servers and services of their own for each process, and the steps of one file stay together."""
    return ("-n", str(processes), "--dist", "loadfile")


def setup() -> int:
    install.everything()
    return 0


def lint() -> int:
    """All linters, also when one of them has something to say."""
    collection = tree.copy()
    failed = _linters(collection)
    return _site(collection) or failed


def _linters(collection: Path) -> int:
    environment = _environment(tree.TREE)
    linters = (
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("yamllint", "--strict", "."),
        ("ansible-lint", "--profile", "production", "--offline", "--strict"),
        ("antsibull-docs", "lint-collection-docs", "--plugin-docs", "."),
        ("antsibull-changelog", "lint"),
    )
    failed = _types()
    for program, *arguments in linters:
        say(program)
        failed = call(BIN / program, *arguments, cwd=collection, env=environment) or failed
    return failed


def _types() -> int:
    """In the checkout, whose link in .collections is where mypy looks for what is imported."""
    say("mypy")
    return call(BIN / "mypy", cwd=paths.ROOT)


def _site(collection: Path) -> int:
    say("site")
    return site.build(collection, BIN, _environment(tree.TREE))


def write_site() -> int:
    return _site(tree.copy())


def quick() -> int:
    """What can be wrong with most changes, in less than two minutes: linters and unit tests, each with a processor of its own."""
    linters = _begin("lint")
    return max(_pytest("tests/unit"), linters())


def unit() -> int:
    return max(_pytest("tests/unit", *_side_by_side(2)), _unit_on_target_python())


def _unit_on_target_python() -> int:
    """What runs on targets, once more on the oldest Python they may have."""
    if not paths.PYTHON39.exists():
        say("no Python 3.9 on this machine: unit tests ran on the controller's Python only")
        return 0
    options = ("-o", "addopts=--import-mode=importlib --strict-markers -ra")
    tests = ("tests/unit/plugins/module_utils", "tests/unit/plugins/modules")
    environment = {"PYTHONPATH": str(paths.MODULE_PATH), "PYTHONDONTWRITEBYTECODE": "1"}
    return call(paths.PYTHON39, "-m", "pytest", *options, *tests, cwd=paths.ROOT, env=environment)


def integration() -> int:
    return _pytest("tests/integration", *_side_by_side(2))


def e2e() -> int:
    for release in releases.OTHERS:
        if not release.ansible_playbook.exists():
            say(f"ansible-core {release.series} could not be installed on this machine and is not tested here")
    files = _longest_first("e2e", "waves", "whole_road", "ansible_releases", "failures", "online", "killed", "fleet")
    return _pytest(*files, *_side_by_side(2), "--no-loadscope-reorder")


def docker() -> int:
    install.for_docker()
    with engine.session() as found:
        images.build(found)
        # The reference walk declares nothing, so the engine must have no other Open WebUI: beside it go files that make none there.
        alone = ("reference_walk", "postgres", "systemd")
        long = ("fleet", "scenarios", "compose", "source", "compose_stack", "compose_published", "old_source")
        files = _longest_first("docker", *alone, *long)
        # All of them have long waits.
        return max(_pytest(*some, *_side_by_side(3), "--no-loadscope-reorder") for some in (files[: len(alone)], files[len(alone) :]))


def _longest_first(folder: str, *long: str) -> list[str]:
    """All test files of a folder, those that take long at the beginning: otherwise one process has nothing to do at the end."""
    there = sorted(path.stem.removeprefix("test_") for path in (paths.ROOT / "tests" / folder).glob("test_*.py"))
    return [f"tests/{folder}/test_{name}.py" for name in dict.fromkeys([*long, *there])]


def _pytest(*arguments: str) -> int:
    report = paths.LOGS / "tests.xml"
    report.unlink(missing_ok=True)
    # A test that hangs must not block CI for ever.
    options = ("--durations=5", "-o", "faulthandler_timeout=1500", "-o", "faulthandler_exit_on_timeout=true", f"--junitxml={report}")
    code = call(paths.PYTHON, "-m", "pytest", *options, *arguments, cwd=paths.ROOT, env=_environment())
    FAILED_TESTS.extend(failures(report))
    return code


def write_changelog() -> int:
    return changelog.generate(BIN / "antsibull-changelog", _environment(tree.TREE))


CHECKS: dict[str, Check] = {
    "setup": setup,
    "lint": lint,
    "unit": unit,
    "sanity": sanity.run,
    "integration": integration,
    "e2e": e2e,
    "docker": docker,
}

# Made of the others, so no part of what runs all of them.
SELECTIONS: dict[str, Check] = {"quick": quick}

# A line each, of all checks of this run.
FAILED_TESTS: list[str] = []

# What begins with another one, and goes on beside what comes next.
BESIDE = {"lint": "sanity"}


class Result(NamedTuple):
    name: str
    outcome: str
    seconds: float


def run(names: list[str]) -> int:
    """Run checks in the order given; a failed set-up ends the run, any other failure is remembered."""
    results: list[Result] = []
    begun: dict[str, Check] = {}
    for name in names:
        if len(names) > 1:
            say(f"----- {name}")
        started = time.monotonic()
        beside = BESIDE.get(name)
        if beside in names:
            begun[beside] = _begin(beside)
        outcome = _outcome(begun.get(name, {**CHECKS, **SELECTIONS}[name]))
        results.append(Result(name, outcome, time.monotonic() - started))
        if name == "setup" and outcome != "ok":
            break
    if len(names) > 1:
        _print_table(results)
    return 0 if all(result.outcome == "ok" for result in results) else 1


def _begin(name: str) -> Check:
    """Start a check in a process of its own. What is returned waits for it and shows what it has said."""
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    log = paths.LOGS / f"{name}.log"
    with log.open("w") as output:
        command = (sys.executable, "-m", "lab", name)
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, preexec_fn=stop_with_parent)

    def finish() -> int:
        code = exit_code(process)
        print(log.read_text(), end="", flush=True)
        return code

    return finish


def _outcome(check: Check) -> str:
    try:
        return "ok" if check() == 0 else "FAILED"
    except LabError as error:
        warn(str(error))
        return "FAILED"


def _print_table(results: list[Result]) -> None:
    print(f"\n{'step':<14}{'seconds':>9}  result")
    for name, outcome, seconds in results:
        print(f"{name:<14}{seconds:>9.1f}  {outcome}")
    print(f"{'all':<14}{sum(result.seconds for result in results):>9.1f}")
    for line in FAILED_TESTS:
        print(f"FAILED {line}")
    sys.stdout.flush()
