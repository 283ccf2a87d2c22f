# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator's own commands: run with an end to it, and quoted without a secret.

Note that this module_utils is private to the collection. Its API can change at any time.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
from typing import IO, NamedTuple, Sequence

from ansible_collections.openwebui.postgres.plugins.module_utils import _last_words
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import refuse
from ansible_collections.openwebui.postgres.plugins.module_utils._settings import masked

ENV_FILE = "WEBUI_ENV_FILE"
# As of timeout(1) and of a shell: the command could not be run, so what it returned is no answer.
TIMED_OUT, NOT_RUN, NOT_FOUND = 124, 126, 127
NO_ANSWER = (TIMED_OUT, 125, NOT_RUN, NOT_FOUND)
# How long a command that was asked to end has for it.
GRACE_SECONDS = 10
# What is kept of what it prints.
_KEPT_BYTES = 65536
_PIECE = 65536
_PIECES_AT_ONCE = 16

# As the words of a task of ansible.builtin.command, these may name variables.
_OURS = re.compile(rf"\$(?:{ENV_FILE}\b|\{{{ENV_FILE}\}})")


class Answer(NamedTuple):
    """What came of a command.

    :ivar code: its return code; 124 when it took too long, 126 and 127 when it could not be run.
    :ivar words: the end of what it printed, errors last.
    """

    code: int
    words: str


def run(argv: Sequence[str], env_file: str, timeout: float) -> Answer:
    """Run a command without a shell, with the path of an env file in its environment.

    What it starts in the background may keep its output open: the command itself is waited for, nothing else.
    """
    words = [os.path.expanduser(os.path.expandvars(_OURS.sub(lambda _match: env_file, word))) for word in argv]
    try:
        # In a session of its own, so that its end is the end of all that it is waiting for.
        process = subprocess.Popen(
            words,
            env={**os.environ, ENV_FILE: env_file},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        return Answer(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUN, f"{words[0]}: {error.strerror}")
    if process.stdout is None or process.stderr is None:
        raise AssertionError("both are pipes, as asked for above")
    with process.stdout, process.stderr:
        code, printed = _wait(process, (process.stdout, process.stderr), time.monotonic() + timeout)
    return Answer(code, "\n".join(text for stream in printed if (text := _text(stream))))


def _text(printed: bytes) -> str:
    # Of a line that has lost its beginning nobody knows what is in it.
    whole = printed if len(printed) < _KEPT_BYTES else printed.partition(b"\n")[2]
    return whole.decode("utf-8", "replace").strip()


def _wait(process: subprocess.Popen[bytes], streams: Sequence[IO[bytes]], deadline: float) -> tuple[int, list[bytes]]:
    printed = [bytearray(), bytearray()]
    with selectors.DefaultSelector() as selector:
        for number, stream in enumerate(streams):
            os.set_blocking(stream.fileno(), False)
            selector.register(stream, selectors.EVENT_READ, number)
        while process.poll() is None and time.monotonic() < deadline:
            _listen(selector, printed, 0.05)
        code = process.poll()
        if code is None:
            code = TIMED_OUT
            _end(process)
        _listen(selector, printed, 0)
    # As a shell has it for what a signal has ended.
    return code if code >= 0 else 128 - code, [bytes(stream) for stream in printed]


def _listen(selector: selectors.BaseSelector, printed: list[bytearray], seconds: float) -> None:
    """Take what has been printed; what nobody prints to any more is left alone."""
    if not selector.get_map():
        time.sleep(seconds)
        return
    for key, _events in selector.select(seconds):
        # Of one that never stops printing, not all that there is.
        for _piece in range(_PIECES_AT_ONCE):
            try:
                piece = os.read(key.fd, _PIECE)
            except BlockingIOError:
                break
            if not piece:
                selector.unregister(key.fileobj)
                break
            printed[key.data] += piece
            del printed[key.data][:-_KEPT_BYTES]


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
            return


def last_words(answer: Answer, hidden: list[str]) -> list[str]:
    """The lines that say why a command failed, without secrets. Masked before anything is cut, so that no part of one is left."""
    return _last_words.last_words(masked(answer.words, hidden), hidden)


def insist(argv: Sequence[str], answer: Answer, timeout: float, hidden: list[str], said: str = "") -> None:
    """
    :param said: what to say of a command that has failed, if not the command itself.
    :raises Refused: when the command has failed, with its last words.
    """
    if answer.code == 0:
        return
    late = f", not done within {timeout:g} seconds" if answer.code == TIMED_OUT else ""
    words = " / ".join(last_words(answer, hidden)) or "none"
    said = said or f'The command "{masked(" ".join(argv), hidden)}" failed with return code {answer.code}{late}'
    raise refuse("command", f"{said}. Its last words: {words}")


def ask(argv: Sequence[str], env_file: str, timeout: float, hidden: list[str]) -> Answer:
    """Run a command whose return code is the answer.

    :raises Refused: when it could not be run.
    """
    answer = run(argv, env_file, timeout)
    if answer.code in NO_ANSWER:
        insist(argv, answer, timeout, hidden)
    return answer


def wait_until_stopped(argv: Sequence[str], env_file: str, timeout: float, seconds: float, hidden: list[str]) -> None:
    """Ask until the answer is that Open WebUI has stopped.

    :raises Refused: when it still runs after so many seconds, or when there was no answer at last.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = run(argv, env_file, timeout)
        if answer.code not in (0, *NO_ANSWER):
            return
        if time.monotonic() >= deadline:
            break
        time.sleep(0.2)
    if answer.code in NO_ANSWER:
        insist(argv, answer, timeout, hidden)
    raise refuse(
        "command",
        f'The stop command has ended, but {seconds:g} seconds later "{masked(" ".join(argv), hidden)}" still says that Open WebUI runs. '
        "Make webui_command_stop wait until Open WebUI has ended, or raise webui_instance_settle_timeout",
    )
