# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker Engine without a Docker Engine, and modules inside the test's own process: quick, and on whatever Python runs the tests.

fake          an engine with API 1.41, which holds nothing yet
fakes         fakes("1.51") -> one with another API
call_module   call_module(main, {"path": …}, check=False, diff=False) -> the module's answer; failed=True when it fails
"""

from __future__ import annotations

import json
from typing import Callable, Iterator

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common.parameters import PASS_VARS
from lab.fake_engine import FakeEngine


@pytest.fixture
def fakes() -> Iterator[Callable[[str], FakeEngine]]:
    made = []

    def make(api: str) -> FakeEngine:
        made.append(FakeEngine(api))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def fake(fakes: Callable[[str], FakeEngine]) -> FakeEngine:
    return fakes("1.41")


@pytest.fixture
def call_module(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path_factory) -> Callable[..., dict]:
    remote_tmp = tmp_path_factory.mktemp("remote")

    def call(main: Callable[[], None], args: dict, check: bool = False, diff: bool = False) -> dict:
        internal = {"_ansible_check_mode": check, "_ansible_diff": diff, "_ansible_remote_tmp": str(remote_tmp)}
        # From ansible-core 2.21 on, what a module was called with is told only to those who ask.
        if "inject_invocation" in PASS_VARS:
            internal["_ansible_inject_invocation"] = True
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": {**args, **internal}}).encode())
        # ansible-core asks for it from 2.19 on.
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        # In the controller's own process they would go to its display.
        warnings: list[str] = []
        monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning: warnings.append(warning))
        capsys.readouterr()
        with pytest.raises(SystemExit):
            main()
        said = {"warnings": warnings, **json.loads(capsys.readouterr().out)}
        # Never the same twice, so it is kept apart.
        call.timing = said.pop("timing", None)
        return said

    return call
