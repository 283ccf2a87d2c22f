# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Open WebUI is brought to rest and into service, with a runtime and a clock that do as a test says."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from ansible_collections.openwebui.postgres.plugins.module_utils._instance import connected, health
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.connected import Connected
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.health import Answer
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.runtime import Asked, Capabilities, Instance, Life, Runtime
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Noted
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.source import Service as Process
from ansible_collections.openwebui.postgres.plugins.module_utils._instance.state import Clock, Rest, Service, Unwell, at_rest, serving
from ansible_collections.openwebui.postgres.plugins.module_utils._problems import Problem, Refused, refuse

URL = "http://127.0.0.1:8080/health"
FILE = "/srv/chat/webui.db"
NOTED = Noted(FILE, 64, 4711)
DATABASE = {"login_user": "ada", "login_db": "chat"}


class Time:
    """A clock on which time passes only while somebody waits."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.then: dict[float, Callable[[], None]] = {}
        self.clock = Clock(lambda: self.seconds, self.pass_by, lambda: 1_700_000_000 + self.seconds)

    def at(self, seconds: float, do: Callable[[], None]) -> None:
        """Have something happen so many seconds after the beginning."""
        self.then[1000 + seconds] = do

    def pass_by(self, seconds: float) -> None:
        assert 0 < seconds <= 0.25, "users wait for it"
        self.seconds += seconds
        for moment in [moment for moment in sorted(self.then) if moment <= self.seconds]:
            self.then.pop(moment)()

    @property
    def passed(self) -> float:
        return self.seconds - 1000


class Chat(Runtime):
    """An Open WebUI of a runtime that there is not."""

    name = "fake"
    capabilities = Capabilities()

    def __init__(self, running: bool = False, **asked: Any) -> None:
        super().__init__(Asked(**asked))
        self.instance: Instance = {"name": "chat", "health_url": URL, "database": {"kind": "sqlite"}, "sqlite_path": FILE}
        self.found = [self.instance]
        self.done: list[str] = []
        self.running = running
        self.restarts = 0
        self.end = ""
        self.stops = self.starts = True
        self.silent = False
        self.lines = ["one", "two"]

    def find(self) -> list[Instance]:
        self.done.append("find")
        return self.found

    def findings(self, instance: Instance) -> list[Problem]:
        return []

    def service(self, instance: Instance) -> Process:
        return Process("Open WebUI", instance["running"])

    def is_running(self, instance: Instance) -> bool:
        return self.running

    def life(self, instance: Instance) -> Life:
        if self.silent:
            raise refuse("engine", "the engine does not answer")
        return Life(self.running, self.restarts, "" if self.running else self.end)

    def stop(self, instance: Instance) -> None:
        self.done.append("stop")
        self.running = self.running and not self.stops

    def start(self, instance: Instance) -> None:
        self.done.append("start")
        self.running = self.starts

    def log(self, instance: Instance, lines: int) -> list[str]:
        return self.lines[-lines:]


class File:
    """What looks at the SQLite file tell."""

    def __init__(self) -> None:
        self.holders: list[str | None] = []
        self.findings: list[str] = []
        self.asked: list[tuple[bool, Noted | None]] = []
        self.there = True

    def __call__(self, running: bool, noted: Noted | None) -> dict[str, Any]:
        self.asked.append((running, noted))
        return {
            "exists": self.there,
            "real_path": FILE if self.there else "",
            "device": 64,
            "inode": 4711,
            "in_use": bool(self.holders),
            "holders": [{"pid": 1, "command": name} for name in self.holders],
            "findings": self.findings if noted else [],
        }


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def file() -> File:
    return File()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    """What its address says, one after the other, the last one for ever."""
    script = [Answer(200, "")]
    asked: list[str] = []

    def asker(url: str, validate_certs: bool = True) -> Callable[[], Answer]:
        def ask() -> Answer:
            asked.append(url)
            return script.pop(0) if len(script) > 1 else script[0]

        return ask

    monkeypatch.setattr(health, "asker", asker)
    return script


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the server says, and what it was asked."""
    facts: dict[str, Any] = {"says": lambda: Connected(2, "0bd252b206fb")}

    def wait_connected(options: dict[str, Any], ask: Callable[[], Answer], since: float | None, timeout: float) -> Connected:
        facts.update(options=options, since=since, timeout=timeout)
        for _look in range(facts.get("looks", 1)):
            ask()
            facts.get("between", lambda: None)()
        return facts["says"]()

    monkeypatch.setattr(connected, "wait_connected", wait_connected)
    return facts


def rest(chat: Chat, file: File, time: Time, check: bool = False, so_far: dict[str, Any] | None = None, **wish: Any) -> dict[str, Any]:
    return at_rest(chat, chat.instance, Rest(**{"path": FILE, **wish}), file, check, {} if so_far is None else so_far, time.clock)


def serve(chat: Chat, time: Time, check: bool = False, so_far: dict[str, Any] | None = None, **wish: Any) -> dict[str, Any]:
    return serving(chat, chat.instance, Service(**wish), check, {} if so_far is None else so_far, time.clock)


def refusal(do: Callable[..., Any], *arguments: Any, **options: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        do(*arguments, **options)
    return caught.value


# -- at rest --------------------------------------------------------------------------------------------------------------------


def test_what_runs_is_stopped_and_its_file_noted_before(file, time):
    chat = Chat(running=True)
    answer = rest(chat, file, time)
    assert chat.done == ["stop"]
    assert file.asked == [(True, None), (False, NOTED)]
    assert (answer["changed"], answer["was_running"], answer["source"]["inode"]) == (True, True, 4711)
    assert answer["stopped_at"] == answer["at_rest_at"] == 1_700_001_000
    assert time.passed == 0


def test_a_file_that_was_noted_is_not_looked_for_again(file, time):
    noted = Noted("/elsewhere", 1, 2)
    rest(Chat(running=True), file, time, noted=noted)
    assert file.asked == [(False, noted)]


def test_one_that_is_down_is_left_alone(file, time):
    chat = Chat()
    answer = rest(chat, file, time)
    assert chat.done == []
    assert (answer["changed"], answer["was_running"], answer["stopped_at"]) == (False, False, None)
    assert answer["at_rest_at"] == 1_700_001_000


def test_what_still_ends_is_waited_for(file, time):
    file.holders = ["open-webui"]
    time.at(3, file.holders.clear)
    answer = rest(Chat(running=True), file, time)
    assert time.passed == 3
    assert answer["at_rest_at"] - answer["stopped_at"] == 3
    assert len(file.asked) == 1 + 13


def test_what_does_not_end_is_named(file, time):
    file.holders = ["python3", "sqlite3"]
    so_far: dict[str, Any] = {}
    refused = refusal(rest, Chat(running=True), file, time, settle_timeout=5, so_far=so_far)
    assert str(refused) == f"Open WebUI was stopped, but {FILE} is still open (python3, sqlite3). End that process."
    assert time.passed == 5
    assert (so_far["was_running"], so_far["changed"], so_far["at_rest_at"]) == (True, True, None)


def test_of_commands_it_may_be_the_stop_command_that_does_not_wait(file, time):
    file.holders = [None]
    chat = Chat()
    chat.how_to_end = ", or make it wait"
    assert str(refusal(rest, chat, file, time, settle_timeout=0)).endswith("(None). End that process, or make it wait.")


@pytest.mark.parametrize("finding", [f"{FILE} was there before", f"{FILE} is another file"])
def test_a_file_that_is_gone_or_another_one(file, time, finding):
    file.findings = [finding, "and more"]
    refused = refusal(rest, Chat(running=True), file, time)
    assert [problem.message for problem in refused.problems] == [finding, "and more"]


def test_of_one_on_postgresql_the_file_plays_no_part(file, time):
    chat = Chat(running=True)
    chat.instance["database"] = {"kind": "postgresql"}
    file.there, file.findings = False, ["another file"]
    assert rest(chat, file, time)["source"]["exists"] is False
    assert file.asked == [(False, None)]
    assert rest(Chat(running=True), file, time, path="")["source"] == {}


@pytest.mark.parametrize("path", [FILE, ""])
def test_what_is_started_again_by_something_else_is_not_at_rest(file, time, path):
    chat = Chat(running=True)
    chat.stops = False
    assert "was stopped, but runs again" in str(refusal(rest, chat, file, time, path=path))


def test_check_mode_stops_nothing(file, time):
    chat = Chat(running=True)
    file.holders = ["open-webui"]
    answer = rest(chat, file, time, check=True)
    assert (chat.done, time.passed) == ([], 0)
    assert (answer["changed"], answer["was_running"], answer["source"]["in_use"]) == (True, True, True)
    assert answer["at_rest_at"] is None


def test_a_stop_that_fails_is_told_with_what_was_known(file, time):
    chat = Chat(running=True)

    def fail(_instance: Instance) -> None:
        raise refuse("command", "it would not stop")

    chat.stop = fail
    so_far: dict[str, Any] = {}
    assert str(refusal(rest, chat, file, time, so_far=so_far)) == "it would not stop"
    assert so_far["was_running"] is True


def test_a_run_that_was_killed_while_it_waited_goes_on(file, time):
    chat = Chat(running=True)
    file.holders = ["open-webui"]

    def kill() -> None:
        raise KeyboardInterrupt

    time.at(1, kill)
    with pytest.raises(KeyboardInterrupt):
        rest(chat, file, time, noted=NOTED)
    file.holders.clear()
    answer = rest(chat, file, time, noted=NOTED)
    assert (answer["was_running"], chat.done) == (False, ["stop"])


# -- serving --------------------------------------------------------------------------------------------------------------------


def test_it_is_started_and_waited_for(answers, time):
    chat = Chat()
    answers[:] = [Answer(0, "connection refused"), Answer(503, "HTTP 503"), Answer(200, "")]
    answer = serve(chat, time)
    assert [step for step in chat.done if step != "find"] == ["start"]
    assert (answer["changed"], answer["started"], answer["running"]) == (True, True, True)
    assert answer["health"] == {"url": URL, "healthy": True, "status": 200, "reason": ""}
    assert (time.passed, answer["serving_at"]) == (0.5, 1_700_001_000.5)
    assert (answer["connections"], answer["revision"]) == (None, None)


def test_what_runs_is_not_started(answers, time):
    chat = Chat(running=True)
    answer = serve(chat, time)
    assert "start" not in chat.done
    assert (answer["changed"], answer["started"], answer["running"], answer["health"]["healthy"]) == (False, False, True, True)


def test_one_that_does_not_come_in_time(answers, time):
    answers[:] = [Answer(502, "HTTP 502")]
    so_far: dict[str, Any] = {}
    refused = refusal(serve, Chat(), time, timeout=7, so_far=so_far)
    sentence = f"Open WebUI was started, but {URL} did not answer with 200 within 7 seconds (HTTP 502)"
    advice = "See what its log says; raise webui_health_timeout if it only takes longer."
    assert str(refused) == f"{sentence}. {advice}\nIts last lines:\none\ntwo"
    assert [problem.kind for problem in refused.problems] == ["health", "log", "log", "log"]
    assert time.passed == 7
    assert (so_far["started"], so_far["changed"], so_far["health"]["status"], so_far["serving_at"]) == (True, True, 502, None)


@pytest.mark.parametrize(("lines", "log_lines"), [([], 20), (["one"], 0)])
def test_without_a_log_the_sentence_stands_alone(answers, time, lines, log_lines):
    answers[:] = [Answer(502, "HTTP 502")]
    chat = Chat()
    chat.lines = lines
    assert len(refusal(serve, chat, time, timeout=0, log_lines=log_lines).problems) == 1


def test_a_log_that_cannot_be_had_hides_nothing(answers, time):
    answers[:] = [Answer(502, "HTTP 502")]
    chat = Chat()

    def fail(_instance: Instance, _lines: int) -> list[str]:
        raise refuse("engine", "the engine does not answer")

    chat.log = fail
    [problem] = refusal(serve, chat, time, timeout=0).problems
    assert "did not answer with 200" in problem.message


def test_one_that_has_ended_again_is_not_waited_for(answers, time):
    chat = Chat()
    answers[:] = [Answer(0, "connection refused")]
    time.at(4, lambda: setattr(chat, "running", False))
    chat.end = "the container has exited with code 3"
    so_far: dict[str, Any] = {}
    refused = refusal(serve, chat, time, so_far=so_far)
    assert str(refused).startswith(
        "Open WebUI was started, but has ended again (the container has exited with code 3). See what its log says.\n"
    )
    assert time.passed < 7
    assert so_far["running"] is False


def test_one_that_ended_before_the_first_look(answers, time):
    chat = Chat()
    chat.starts, chat.end = False, "open-webui.service has failed (exit-code)"
    answers[:] = [Answer(0, "connection refused")]
    assert "has ended again (open-webui.service has failed (exit-code))" in str(refusal(serve, chat, time))
    assert time.passed < 2


def test_what_nobody_knows_the_end_of_may_not_have_begun(answers, time):
    """Commands that start in the background: the probe says no for a while."""
    chat = Chat()
    chat.starts = False
    answers[:] = [Answer(0, "connection refused")]

    def come() -> None:
        chat.running, answers[:] = True, [Answer(200, "")]

    time.at(30, come)
    assert serve(chat, time)["started"] is True
    assert time.passed == 30


def test_what_was_up_and_is_down_has_ended(answers, time):
    chat = Chat()
    answers[:] = [Answer(0, "connection refused")]
    time.at(2, lambda: setattr(chat, "running", False))
    assert "was started, but has ended again. See" in str(refusal(serve, chat, time))
    assert time.passed < 5


def test_one_look_that_finds_it_down_is_not_enough(answers, time):
    chat = Chat()
    answers[:] = [Answer(0, "connection refused")]
    time.at(2, lambda: setattr(chat, "running", False))
    time.at(2.5, lambda: setattr(chat, "running", True))
    time.at(20, lambda: answers.__setitem__(slice(None), [Answer(200, "")]))
    assert serve(chat, time)["running"] is True


def test_one_that_keeps_restarting_is_not_waited_for(answers, time):
    chat = Chat()
    # What it counts from is no concern of ours.
    chat.restarts = 41
    answers[:] = [Answer(0, "connection refused")]
    for seconds in (2, 4, 6):
        time.at(seconds, lambda: setattr(chat, "restarts", chat.restarts + 1))
    assert "keeps ending, and was started anew 3 times" in str(refusal(serve, chat, time))
    assert time.passed < 8


def test_one_that_was_restarted_once_may_come(answers, time):
    chat = Chat()
    answers[:] = [Answer(0, "connection refused")]
    time.at(2, lambda: setattr(chat, "restarts", 1))
    time.at(9, lambda: answers.__setitem__(slice(None), [Answer(200, "")]))
    assert serve(chat, time)["health"]["healthy"] is True


def test_something_else_that_answers_in_its_place(answers, time):
    chat = Chat()
    chat.starts, chat.end = False, "the container has exited with code 1"
    assert "has ended again" in str(refusal(serve, chat, time))


def test_an_engine_that_says_nothing_for_a_while(answers, time):
    chat = Chat()
    chat.silent = True
    answers[:] = [Answer(0, "connection refused"), Answer(0, "connection refused"), Answer(200, "")]
    assert serve(chat, time)["health"]["healthy"] is True


def test_only_waiting(answers, time):
    chat = Chat(running=True)
    answers[:] = [Answer(503, "HTTP 503"), Answer(200, "")]
    answer = serve(chat, time, start=False)
    assert (answer["changed"], answer["started"]) == (False, False)


def test_only_waiting_for_one_that_does_not_run(answers, time):
    chat = Chat()
    chat.end = "the container has exited with code 0"
    answers[:] = [Answer(0, "connection refused")]
    refused = refusal(serve, chat, time, start=False)
    assert str(refused).startswith("Open WebUI does not run (the container has exited with code 0). See what its log says.")
    assert "start" not in chat.done


def test_its_address_is_found_after_the_start(answers, time):
    chat = Chat()
    chat.found = [{**chat.instance, "health_url": "http://172.18.0.9:8080/health"}]
    assert serve(chat, time)["health"]["url"] == "http://172.18.0.9:8080/health"


def test_an_address_that_is_not_there_yet_is_looked_for_again(answers, time):
    chat = Chat()
    chat.capabilities = Capabilities(has_engine=True)
    chat.instance["health_url"] = ""
    answers[:] = [Answer(0, "connection refused")]

    def come() -> None:
        chat.found, answers[:] = [{**chat.instance, "health_url": "http://172.18.0.9:8080/health"}], [Answer(200, "")]

    time.at(3, come)
    # Whatever answers at the usual address meanwhile.
    assert serve(chat, time)["health"]["healthy"] is True
    assert time.passed >= 3


def test_one_without_an_address_is_asked_at_the_usual_one(answers, time):
    chat = Chat()
    chat.instance["health_url"] = ""
    answers[:] = [Answer(0, "connection refused")]
    assert f"but {URL} did not answer with 200 within 5 seconds" in str(refusal(serve, chat, time, timeout=5))


def test_the_address_of_the_operator_is_the_one(answers, time):
    chat = Chat(health_url="https://chat.example/health")
    assert serve(chat, time)["health"]["url"] == "https://chat.example/health"
    assert "find" not in chat.done


def test_one_that_is_still_to_be_made_is_not_waited_for(time):
    chat = Chat()
    chat.instance["missing"] = True
    answer = serve(chat, time)
    assert (answer["changed"], answer["started"], answer["serving_at"], chat.done) == (False, False, None, [])


def test_a_wrong_address_is_refused_before_anything_is_started(time):
    chat = Chat(health_url="chat.example")
    assert "webui_health_url wants" in str(refusal(serve, chat, time))
    assert chat.done == []


def test_check_mode_starts_nothing(answers, time):
    chat = Chat()
    answer = serve(chat, time, check=True)
    assert (answer["changed"], answer["started"], answer["running"], chat.done) == (True, False, False, [])
    answers[:] = [Answer(503, "HTTP 503")]
    answer = serve(Chat(running=True), time, check=True, connection=DATABASE)
    assert (answer["changed"], answer["health"]["status"], time.passed) == (False, 503, 0)


# -- connected ------------------------------------------------------------------------------------------------------------------


def test_connections_since_the_start(answers, server, time):
    answers[:] = [Answer(0, "connection refused"), Answer(200, "")]
    answer = serve(Chat(), time, connection=DATABASE, connect_timeout=33, expected_revision="0bd252b206fb")
    assert (answer["connections"], answer["revision"]) == (2, "0bd252b206fb")
    assert (server["since"], server["timeout"], server["options"]) == (1000.0, 33, DATABASE)


def test_where_nothing_was_started_any_will_do(answers, server, time):
    serve(Chat(running=True), time, connection=DATABASE)
    assert server["since"] is None


def test_healthy_on_another_database(answers, server, time):
    server["says"] = lambda: Connected(0, "0bd252b206fb")
    so_far: dict[str, Any] = {}
    refused = refusal(serve, Chat(), time, connection=DATABASE, so_far=so_far)
    assert str(refused) == (
        f"Open WebUI is healthy, but the server sees no connection of ada to chat, though {URL} answers. Make sure that nothing else sets "
        "DATABASE_ variables for Open WebUI."
    )
    assert refused.problems[0].kind == "connected"
    assert (so_far["health"]["healthy"], so_far["connections"]) == (True, 0)


def test_what_else_may_help_is_said(answers, server, time):
    def says() -> Connected:
        raise refuse("connection", "cannot connect to database chat")

    server["says"] = says
    chat = Chat()
    chat.how_to_connect = " and that /etc/chat.env is read"
    said = str(refusal(serve, chat, time, connection=DATABASE))
    assert said.startswith("Open WebUI is healthy, but cannot connect to database chat. Make sure that nothing else sets DATABASE_ ")
    assert said.endswith(" variables for Open WebUI and that /etc/chat.env is read.")


def test_one_that_ends_while_its_connection_is_waited_for(answers, server, time):
    chat = Chat()
    chat.end = "the container has exited with code 137"
    server["looks"] = 100

    def between() -> None:
        chat.running = False
        time.pass_by(0.25)

    server["between"] = between
    refused = refusal(serve, chat, time, connection=DATABASE)
    assert isinstance(refused, Unwell)
    assert "has ended again (the container has exited with code 137)" in str(refused)


@pytest.mark.parametrize(("found", "said"), [("aaaaaaaaaaaa", "aaaaaaaaaaaa"), (None, "none")])
def test_another_revision(answers, server, time, found, said):
    server["says"] = lambda: Connected(1, found)
    refused = refusal(serve, Chat(), time, connection=DATABASE, expected_revision="0bd252b206fb", sqlite_path=FILE)
    assert str(refused) == (
        f"Open WebUI has taken chat to revision {said}, but {FILE} is at 0bd252b206fb. Make sure that the release of Open WebUI that ran "
        "before is started again."
    )
    assert refused.problems[0].kind == "revision"


def test_a_run_that_was_killed_while_it_waited_for_health_goes_on(answers, time):
    chat = Chat()
    answers[:] = [Answer(0, "connection refused")]

    def kill() -> None:
        raise KeyboardInterrupt

    time.at(1, kill)
    with pytest.raises(KeyboardInterrupt):
        serve(chat, time)
    answers[:] = [Answer(200, "")]
    answer = serve(chat, time)
    assert (answer["started"], answer["running"], chat.done.count("start")) == (False, True, 1)
