# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one command and measures it: seconds, peak memory, exit code.

A process of its own, and a small one, because Linux counts the memory of the process that starts a command into the
command's peak. So this has nothing but what Python itself needs. Standard input and output are the command's.

Usage: measure.py RESULT_FILE LIMIT_SECONDS COMMAND…
"""

import json
import os
import signal
import sys
import time


def measure(command: list, limit: int) -> dict:
    """Run to the end or to the limit. Without a terminal of its own, so that questions are asked on standard input."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error}\n".encode())
            os._exit(127)
    timed_out = []

    def stop(*_ignored: object) -> None:
        timed_out.append(True)
        os.killpg(child, signal.SIGKILL)

    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    signal.alarm(limit)
    _pid, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - started
    signal.alarm(0)
    return {
        "seconds": round(seconds, 3),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
        "peak_mb": round(usage.ru_maxrss / 1024, 1),
        "exit_code": os.waitstatus_to_exitcode(status),
        "timed_out": bool(timed_out),
    }


if __name__ == "__main__":
    with open(sys.argv[1], "w", encoding="ascii") as result:
        json.dump(measure(sys.argv[3:], int(sys.argv[2])), result)
