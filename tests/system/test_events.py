# SPDX-License-Identifier: GPL-2.0
"""hvctl events: every change of a cell's state, in order, and nothing else."""

import json

import pytest

import cloister
from conftest import ALL_FLAVOURS, machine_id

pytestmark = pytest.mark.parametrize("machine", ALL_FLAVOURS, indirect=True, ids=machine_id)


def events(text):
    return [(record["cell"], record["name"], record["event"]) for record in map(json.loads, text.splitlines())]


def test_events(enabled):
    assert enabled.check("hvctl events") == ""
    enabled.check("hvctl events --follow >/tmp/events 2>&1 &")
    cloister.start(enabled, "hello", "hello")
    enabled.check("hvctl cell shutdown hello")
    enabled.check("hvctl cell load hello /inmates/fault.bin -s what=loop && hvctl cell start hello")
    cloister.start(enabled, "smp", "fault", "what=mem address=0x50000000")
    cloister.wait_state(enabled, "smp", "failed")
    enabled.check("hvctl cell destroy hello && hvctl cell destroy smp")
    expected = [(1, "hello", "created"), (1, "hello", "started"), (1, "hello", "shut down"), (1, "hello", "stopped"),
                (1, "hello", "started"), (2, "smp", "created"), (2, "smp", "started"), (2, "smp", "failed"),
                (1, "hello", "destroyed"), (2, "smp", "destroyed")]
    text = enabled.check("hvctl events")
    assert events(text) == expected
    # Those who follow have seen the same.
    cloister.wait(enabled, "the last event", lambda: enabled.check("cat /tmp/events") == text)
    records = [json.loads(line) for line in text.splitlines()]
    assert records[7]["text"].startswith("cell 'smp' stopped: ")
    assert [record["us"] for record in records] == sorted(record["us"] for record in records)
    assert records[-1]["us"] > records[0]["us"]
    enabled.check("kill $(pidof hvctl)")
