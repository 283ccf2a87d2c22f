# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What make takes for a failure."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab.processes import call


@pytest.mark.parametrize(("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", 143), ("kill -KILL $$", 137)])
def test_what_a_signal_has_ended_has_failed(tmp_path: Path, script: str, code: int) -> None:
    """Of several codes the highest counts, and a negative one would be lower than that of a success."""
    assert call("sh", "-c", script, cwd=tmp_path) == code
