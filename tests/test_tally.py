"""`Tally`: each record is counted once, totals add up, examples are kept, and the JSON form reads back."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from spanwright.tally import Tally

REASONS = st.sampled_from(["short", "long", "odd"])
USES = st.tuples(st.just("use"), st.lists(REASONS, max_size=3), st.text(max_size=3), st.integers(1, 4))
DROPS = st.tuples(st.just("drop"), REASONS, st.text(max_size=3), st.integers(0, 4))


def tally_of(steps: list[tuple]) -> Tally:
    tally = Tally("import", "region")
    for what, reason, example, count in steps:
        getattr(tally, what)(reason, example, count)
    return tally


def test_records_in_are_the_used_and_the_dropped():
    tally = Tally("import", "region")
    tally.use()
    tally.use(["cut"], "task 1")
    tally.drop("empty", "task 2")
    tally.drop("empty", count=4)
    assert (tally.records_in, tally.used) == (7, 2)
    assert tally.repaired == {"cut": 1}
    assert tally.dropped == {"empty": 5}


def test_a_record_with_two_repairs_is_used_once():
    tally = Tally("import", "region")
    tally.use(["a", "b"])
    assert (tally.used, tally.repaired) == (1, {"a": 1, "b": 1})


def test_the_same_repair_twice_counts_once_per_record():
    tally = Tally("import", "region")
    tally.use(["a", "a"], "here", count=3)
    assert (tally.repaired, tally.examples) == ({"a": 3}, {"a": ["here"]})


def test_dropping_no_record_leaves_no_trace():
    tally = Tally("import", "region")
    tally.drop("empty", "task 1", count=0)
    assert tally == Tally("import", "region")


def test_the_first_five_examples_of_each_reason_are_kept():
    tally = Tally("import", "region")
    for number in range(9):
        tally.drop("empty", f"task {number}")
    tally.use(["cut"], "task 9")
    assert tally.examples == {"empty": ["task 0", "task 1", "task 2", "task 3", "task 4"], "cut": ["task 9"]}


def test_a_record_without_an_example_takes_no_room():
    tally = Tally("import", "region")
    tally.drop("empty")
    assert tally.to_dict()["examples"] == {}


def test_the_json_form_is_the_one_of_the_design():
    tally = Tally("import", "region")
    tally.use(["b", "a"], "here")
    tally.drop("z", "there")
    assert tally.to_dict() == {
        "schema": 1,
        "step": "import",
        "unit": "region",
        "in": 2,
        "used": 1,
        "repaired": {"a": 1, "b": 1},
        "dropped": {"z": 1},
        "examples": {"a": ["here"], "b": ["here"], "z": ["there"]},
    }


def test_a_file_without_a_unit_still_reads():
    data = {"step": "import", "used": 2, "repaired": {}, "dropped": {"empty": 1}, "examples": {}}
    assert str(Tally.from_dict(data)) == "3 records in, 2 used, 1 dropped (empty)"


def test_the_sentence_names_counts_with_the_most_frequent_reason_first():
    tally = Tally("import", "region")
    tally.use(count=1200)
    tally.use(["cut"], count=2)
    tally.drop("empty")
    tally.drop("odd", count=3)
    assert str(tally) == "1,206 regions in, 1,202 used, 2 repaired (cut), 3 dropped (odd), 1 dropped (empty)"


def test_the_sentence_is_the_same_in_every_process():
    code = 'from spanwright.tally import Tally; t = Tally("a", "b"); t.use(["one", "two", "three", "four"]); print(t)'
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "1234"
    }
    assert len(said) == 1


@given(st.lists(USES | DROPS, max_size=20))
@settings(deadline=None, max_examples=100)
def test_totals_add_up_and_the_json_form_reads_back(steps):
    tally = tally_of(steps)
    data = json.loads(json.dumps(tally.to_dict()))
    assert data["in"] == data["used"] + sum(data["dropped"].values()) == sum(count for *_, count in steps)
    assert all(count <= data["used"] for count in data["repaired"].values())
    assert Tally.from_dict(data).to_dict() == data


def test_a_tally_that_was_read_goes_on_counting():
    tally = Tally.from_dict(Tally("import", "region").to_dict())
    tally.drop("empty", "task 1")
    assert (tally.records_in, tally.examples) == (1, {"empty": ["task 1"]})
