# Copyright: (c) 2026, openwebui.postgres contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of a run: all of it escaped, linear in the number of hosts, and right with whatever is not known."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet import page
from ansible_collections.openwebui.postgres.plugins.plugin_utils._fleet.states import STATES
from lab import report_sample as sample

VOID = {"meta", "link", "br", "img", "input", "hr"}
# With the table of its phases, without those of its rows.
KB_A_HOST = 6.5


class Reader(HTMLParser):
    """The elements of a page and its text; fails on what is not closed where it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.elements if found == tag]


def read(report: dict[str, Any]) -> Reader:
    return Reader(page.render(report))


def without(value: Any) -> Iterator[Any]:
    """The value once for each of its keys, at any depth, with null in its place."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key not in ("host", "state"):
                yield {**value, key: None}
            yield from ({**value, key: less} for less in without(part))
    elif isinstance(value, list) and value:
        yield from ([less, *value[1:]] for less in without(value[0]))


def test_all_of_a_record_is_shown() -> None:
    record = sample.migrated("chat1")
    text = read(sample.run([record])).text
    said = [
        record["backup"]["sha256"],
        record["backup"]["file"],
        record["quarantine"][0],
        record["repairs"]["file"],
        record["rollback"],
        record["instance"]["image"],
        record["instance"]["sqlite_path"],
        "openwebui_chat1 at db1.example.org:5432",
        "10 s, of which Open WebUI's own stop and start 7.0 s",
        *(table["digest"] for table in record["tables"]),
        *(phase["phase"] for phase in record["timeline"]),
        *(orphan["fate"] for orphan in record["orphans"]),
        record["left_out"][0]["why"],
    ]
    assert [words for words in said if words not in text] == []


def test_what_somebody_else_wrote_is_text() -> None:
    records = [sample.hostile(), sample.restored("b" + sample.HOSTILE), sample.pending("c" + sample.HOSTILE)]
    found = read(sample.run(records, id=sample.HOSTILE, version=sample.HOSTILE))
    assert found.text.count(sample.HOSTILE) > 50
    assert len(found.named("script")) == len(found.named("style")) == 1
    assert found.named("img") == []
    assert [name for _tag, attributes in found.elements for name in attributes if name.startswith("on")] == []


def test_a_character_that_no_page_may_hold_is_replaced() -> None:
    record = {**sample.unreachable("chat1"), "note": "a\x00b\x1b[31mc\udcffd\x85e"}
    text = page.render(sample.run([record]))
    assert "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31mc\N{REPLACEMENT CHARACTER}d\N{REPLACEMENT CHARACTER}e" in text
    assert text.encode()


def test_the_page_needs_nothing_from_elsewhere() -> None:
    found = read(sample.three())
    assert [attributes["href"] for attributes in found.named("link")] == ["data:,"]
    assert [attributes for tag, attributes in found.elements if "src" in attributes or tag in ("iframe", "object", "embed")] == []
    links = {attributes["href"] for attributes in found.named("a") if not str(attributes["href"]).startswith("#")}
    assert links == {"../../index.html", "report.json", "report.csv"}


def test_every_link_and_every_label_leads_somewhere_and_no_name_is_used_twice() -> None:
    found = read(sample.fleet(20, ended=False))
    names = [str(attributes["id"]) for _tag, attributes in found.elements if "id" in attributes]
    assert len(names) == len(set(names))
    inner = {str(attributes["href"])[1:] for attributes in found.named("a") if str(attributes["href"]).startswith("#")}
    labels = {name for _tag, attributes in found.elements for name in (attributes.get("aria-labelledby") or "").split()}
    assert (inner | labels) - set(names) == set()
    assert {f"host-{number}" for number in range(1, 21)} <= inner


@pytest.mark.parametrize("record", [sample.migrated("chat1"), sample.restored("chat1"), sample.unreachable("chat1")])
def test_whatever_is_not_known_is_left_out(record: dict[str, Any]) -> None:
    report = sample.run([record])
    for less in without(report):
        text = read(copy.deepcopy(less)).text
        assert "None" not in text
        assert "Undefined" not in text


@pytest.mark.parametrize("report", [{}, {"run": {}, "hosts": []}, {"run": {"hosts": ["a"]}}, {"hosts": [{"host": "a"}]}])
def test_next_to_nothing_is_known(report: dict[str, Any]) -> None:
    assert "None" not in read(report).text


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_said_in_words(state: str) -> None:
    records = [sample.migrated("chat1"), {"host": "chat2", "state": state}]
    text = read(sample.run(records)).text
    assert STATES[state].label in text
    assert STATES[state].words in text


@pytest.mark.parametrize(
    ("states", "run", "said"),
    [
        (["migrated", "migrated"], {}, "All 2 hosts on PostgreSQL"),
        (["migrated", "kept", "down"], {}, "2 of 3 hosts on PostgreSQL"),
        (["kept", "kept"], {}, "All 2 hosts on PostgreSQL already"),
        (["ready", "kept", "refused"], {"playbook": "audit"}, "1 of 3 hosts ready to move"),
        (["rehearsed", "rehearsed"], {"check": True}, "All 2 hosts ready to move"),
        (["rolled_back", "kept"], {"playbook": "rollback"}, "All 2 hosts on SQLite"),
        (["rehearsed", "refused"], {"playbook": "rollback", "check": True}, "1 of 2 hosts ready to go back to SQLite"),
        (["down"], {}, f"host1: {STATES['down'].words}"),
        (["migrated", "pending"], {"ended_at": None}, "Under way: 1 of 2 hosts done"),
        ([], {}, "No host in this run"),
    ],
)
def test_the_headline_says_what_came_of_it(states: list[str], run: dict[str, Any], said: str) -> None:
    records = [{"host": f"host{number}", "state": state} for number, state in enumerate(states, 1)]
    found = read(sample.run(records, **run))
    assert found.text.count(said) >= 2
    assert len(found.named("h1")) == 1


def test_a_run_that_has_not_ended_says_so() -> None:
    words = "This run has not ended."
    going = read(sample.fleet(20, ended=False)).text
    assert words in going
    assert "14 hosts are still to come." in going
    assert words not in read(sample.fleet(20)).text


def test_a_wave_that_was_not_begun_takes_no_room_in_the_timeline_of_the_fleet() -> None:
    found = read(sample.fleet(20, ended=False))
    assert "14 hosts, not begun" in found.text
    assert len([attributes for attributes in found.named("rect") if str(attributes.get("class")).startswith("track k-")]) == 6


def test_a_host_without_a_record_was_not_begun() -> None:
    report = sample.run([sample.migrated("chat1")])
    report["run"]["hosts"] = ["chat1", "chat2"]
    text = read(report).text
    assert "1 host was not begun." in text
    assert "chat2 , pending" in text


def test_the_worst_come_first_and_keep_their_links() -> None:
    found = read(sample.three())
    table = page.render(sample.three()).split('<table class="hosts">')[1].split("</table>")[0]
    assert re.findall(r'href="#(host-\d)"', table) == ["host-3", "host-1", "host-2"]
    assert [attributes.get("id") for attributes in found.named("div") if attributes.get("class") == "body"] == [
        "host-3",
        "host-1",
        "host-2",
    ]


def test_of_many_hosts_only_those_are_open_that_failed() -> None:
    found = read(sample.fleet(100))
    opened = [str(attributes["class"]).split()[-1] for attributes in found.named("details") if "open" in attributes]
    failed = [record for record in sample.fleet(100)["hosts"] if STATES[record["state"]].kind in ("bad", "warn")]
    assert 0 < len(opened) == min(10, len(failed))
    assert set(opened) <= {"k-bad", "k-warn"}


def test_a_drawing_has_a_name_and_says_what_it_shows() -> None:
    found = read(sample.three())
    drawings = [attributes for attributes in found.named("svg") if attributes.get("role") == "img"]
    assert len(drawings) == 4
    assert len(found.named("desc")) == 4
    ornaments = [attributes for attributes in found.named("svg") if attributes not in drawings and attributes.get("class") != "ticks"]
    assert [attributes for attributes in ornaments if attributes.get("aria-hidden") != "true"] == []


def test_every_table_has_a_caption_and_every_heading_cell_a_scope() -> None:
    found = read(sample.three())
    assert len(found.named("table")) == len(found.named("caption")) > 3
    assert [attributes for attributes in found.named("th") if attributes.get("scope") not in ("col", "row")] == []


def test_headings_go_down_one_level_at_a_time() -> None:
    levels = [int(tag[1]) for tag, _attributes in read(sample.three()).elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert [pair for pair in zip(levels, levels[1:], strict=False) if pair[1] - pair[0] > 1] == []


def test_its_size_is_linear_and_small() -> None:
    """A host's tables of rows and digests come on top: as many as it has."""
    lean = [
        {**sample.migrated(f"chat{number:03}.example.org"), "tables": [], "repairs": None, "orphans": [], "left_out": []}
        for number in range(400)
    ]
    one, few, many = (len(page.render(sample.run(lean[:number])).encode()) for number in (1, 200, 400))
    assert (many - few) / 200 < KB_A_HOST * 1024
    assert (many - few) / 200 == pytest.approx((few - one) / 199, rel=0.05)
