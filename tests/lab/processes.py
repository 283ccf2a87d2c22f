# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Child processes that never outlive the one that started them, however that one ends."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def stop_with_parent() -> None:
    """As preexec_fn, in the child: be interrupted (SIGINT) when the parent dies, killed or not."""
    # A shell starts background jobs with this signal ignored, and that is inherited.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def call(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> int:
    """Run in the foreground and return the exit code. Ctrl-C leaves the child the time to clean up after itself."""
    process = subprocess.Popen(command, cwd=cwd, env=dict(os.environ, **(env or {})), preexec_fn=stop_with_parent)
    try:
        return exit_code(process)
    except BaseException:
        process.wait()
        raise


def exit_code(process: subprocess.Popen[bytes]) -> int:
    """Wait for it. What a signal has ended has failed, so the code is above zero for it as well, as a shell has it."""
    code = process.wait()
    return code if code >= 0 else 128 - code
