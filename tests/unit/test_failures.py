# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab says at the end of a run of the tests that failed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lab.failures import failures

TESTS = """
import pytest

def test_that_holds():
    assert True

def test_that_fails():
    assert 1 == 2, "one is not two"

@pytest.fixture
def broken():
    raise OSError("no room")

def test_that_cannot_begin(broken):
    pass
"""


def test_failures_and_errors_are_named_with_their_reason(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=report.xml", "test_sample.py"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert [line[:70] for line in failures(tmp_path / "report.xml")] == [
        "test_sample::test_that_fails: AssertionError: one is not two assert 1 ",
        'test_sample::test_that_cannot_begin: failed on setup with "OSError: no',
    ]


def test_without_a_report_nothing_is_said(tmp_path: Path) -> None:
    assert failures(tmp_path / "report.xml") == []
