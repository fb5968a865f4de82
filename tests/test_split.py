"""The split: whole groups, no empty part, the same for the same seed, and near the ratios in text and labels."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwright import split as module
from spanwright.document import Document, Span
from spanwright.errors import DataError
from spanwright.split import PARTS, Split, split_documents

USUAL = {"train": 0.7, "validation": 0.15, "test": 0.15}
RATIOS = [(0.7, 0.15, 0.15), (0.98, 0.01, 0.01), (0.01, 0.01, 0.98), (0.34, 0.33, 0.33), (0.001, 0.998, 0.001)]


def document(name: str, group: str = "", length: int = 20, labels: str = "") -> Document:
    """A document with one span of one character for every letter of `labels`."""
    return Document(name, "x" * length, tuple(Span(i, i + 1, label) for i, label in enumerate(labels)), group)


def articles(count: int) -> list[Document]:
    return [document(f"{number:03}") for number in range(count)]


def groups_of(split: Split) -> dict[str, set[str]]:
    return {part: {document.group for document in documents} for part, documents in split.parts.items()}


def sizes_of(split: Split) -> list[int]:
    return [len(groups) for groups in groups_of(split).values()]


def distance(parts: Mapping[str, Sequence[Document]], ratios: Mapping[str, float]) -> float:
    """How far the parts are from the ratios: in characters and, with the same weight each, in spans of every label."""
    counted = {part: Counter[str]() for part in PARTS}
    for part, documents in parts.items():
        for one in documents:
            counted[part]["characters"] += len(one.text)
            counted[part].update(span.label for span in one.spans)
    total = sum(counted.values(), Counter[str]())
    return sum(abs(counted[part][what] / total[what] - ratios[part]) for part in PARTS for what in total)


@pytest.mark.parametrize(
    ("groups", "sizes"),
    [
        (3, [1, 1, 1]),
        (4, [2, 1, 1]),
        (5, [3, 1, 1]),
        (7, [5, 1, 1]),
        (10, [7, 2, 1]),
        (20, [14, 3, 3]),
        (100, [70, 15, 15]),
    ],
)
def test_groups_per_part_follow_the_ratios_by_largest_remainder(groups, sizes):
    assert sizes_of(split_documents(articles(groups), USUAL, 1)) == sizes


def test_small_ratios_get_one_group_and_the_largest_part_gives_it():
    ratios = {"train": 0.98, "validation": 0.01, "test": 0.01}
    assert sizes_of(split_documents(articles(10), ratios, 1)) == [8, 1, 1]


@pytest.mark.parametrize("ratios", RATIOS)
def test_no_part_is_empty_for_any_number_of_groups(ratios, monkeypatch):
    monkeypatch.setattr(module, "CANDIDATES", 3)
    for count in range(3, 121):
        split = split_documents(articles(count), dict(zip(PARTS, ratios, strict=True)), count)
        assert min(sizes_of(split)) >= 1
        assert sum(sizes_of(split)) == count


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40), st.text("AB", max_size=3)), max_size=40),
    st.integers(0, 2**64),
    st.sampled_from(RATIOS),
)
@settings(deadline=None, max_examples=60)
def test_no_group_is_in_two_parts_and_no_document_is_lost(rows, seed, ratios):
    documents = [
        document(str(index), f"g{group}", length + len(labels), labels)
        for index, (group, length, labels) in enumerate(rows)
    ]
    documents += [document(f"more {group}", f"g{group}") for group in (20, 21, 22)]
    split = split_documents(documents, dict(zip(PARTS, ratios, strict=True)), seed)
    groups = groups_of(split)
    assert sum(len(names) for names in groups.values()) == len(set().union(*groups.values()))
    assert min(sizes_of(split)) >= 1
    assert sorted(one.id for part in split.parts.values() for one in part) == sorted(one.id for one in documents)


def test_documents_keep_their_order_within_a_part():
    documents = [document(f"{number}", f"g{number % 7}") for number in range(40)]
    places = {one.id: place for place, one in enumerate(documents)}
    for part in split_documents(documents, USUAL, 5).parts.values():
        assert [places[one.id] for one in part] == sorted(places[one.id] for one in part)


def test_the_split_does_not_depend_on_the_order_of_the_documents():
    chooser = random.Random(7)
    documents = [
        document(str(number), f"g{number % 25}", chooser.randint(5, 90), chooser.choice(["", "A", "AB", "BBC"]))
        for number in range(60)
    ]
    wanted = groups_of(split_documents(documents, USUAL, 11))
    for _ in range(3):
        chooser.shuffle(documents)
        assert groups_of(split_documents(documents, USUAL, 11)) == wanted


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    documents = articles(30)
    one = groups_of(split_documents(documents, USUAL, 1))
    assert groups_of(split_documents(documents, USUAL, 1)) == one
    assert groups_of(split_documents(documents, USUAL, 2)) != one


def test_other_group_names_give_another_split():
    one = split_documents([document(f"a{number}") for number in range(30)], USUAL, 1)
    two = split_documents([document(f"b{number}") for number in range(30)], USUAL, 1)
    numbers = [
        {part: {group[1:] for group in groups} for part, groups in groups_of(each).items()} for each in (one, two)
    ]
    assert numbers[0] != numbers[1]


def uneven(seed: int) -> list[Document]:
    """Twenty articles of unequal length and with unequal labels."""
    chooser = random.Random(seed)
    return [
        document(str(number), "", chooser.randint(10, 400), chooser.choice(["", "A", "AAAB", "C"]))
        for number in range(20)
    ]


def test_the_chosen_shuffle_is_at_least_as_near_as_the_first_one(monkeypatch):
    chosen = [distance(split_documents(uneven(seed), USUAL, seed).parts, USUAL) for seed in range(6)]
    monkeypatch.setattr(module, "CANDIDATES", 1)
    first = [distance(split_documents(uneven(seed), USUAL, seed).parts, USUAL) for seed in range(6)]
    assert all(near <= plain for near, plain in zip(chosen, first, strict=True))
    assert sum(chosen) < 0.7 * sum(first)


@pytest.mark.parametrize("seed", range(5))
def test_a_label_that_three_groups_have_reaches_every_part(seed):
    ratios = {"train": 0.34, "validation": 0.33, "test": 0.33}
    documents = [document(str(number), labels="R" if number < 3 else "") for number in range(12)]
    split = split_documents(documents, ratios, seed)
    assert [sum(len(one.spans) for one in split.parts[part]) for part in PARTS] == [1, 1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_long_articles_are_spread_over_the_parts(seed):
    ratios = {"train": 0.34, "validation": 0.33, "test": 0.33}
    documents = [document(str(number), length=900 if number < 3 else 100) for number in range(6)]
    split = split_documents(documents, ratios, seed)
    assert [sum(len(one.text) for one in split.parts[part]) for part in PARTS] == [1000, 1000, 1000]


@pytest.mark.parametrize("seed", range(5))
def test_few_groups_of_unequal_length_are_held_against_the_ratios(seed):
    documents = [document("long", length=700), document("short", length=150), document("brief", length=150)]
    assert groups_of(split_documents(documents, USUAL, seed))["train"] == {"long"}


def test_documents_without_any_text_can_be_split():
    documents = [document(str(number), length=0) for number in range(6)]
    assert sizes_of(split_documents(documents, USUAL, 1)) == [4, 1, 1]


def test_unlabeled_documents_are_dropped_and_tallied():
    documents = [*articles(4), Document("u1", "text"), Document("u2", "text", group="000")]
    split = split_documents(documents, USUAL, 1)
    assert split.tally.to_dict() == {
        "schema": 1,
        "step": "split",
        "unit": "document",
        "in": 6,
        "used": 4,
        "repaired": {},
        "dropped": {"unlabelled": 2},
        "examples": {"unlabelled": ["u1", "u2"]},
    }
    assert {one.id for part in split.parts.values() for one in part} == {"000", "001", "002", "003"}


def test_a_document_in_which_nothing_was_found_is_kept():
    split = split_documents([Document(str(number), "text", ()) for number in range(3)], USUAL, 1)
    assert (split.tally.used, sizes_of(split)) == (3, [1, 1, 1])


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_groups_are_refused_with_a_way_out(count):
    documents = [document(f"{number}-{copy}", f"g{number}") for number in range(count) for copy in range(5)]
    with pytest.raises(DataError, match=rf"have {count}\. .*Name another key with --group-key") as error:
        split_documents(documents, USUAL, 1)
    assert error.value.exit_code == 2


def test_a_group_without_a_label_does_not_count_as_a_group():
    with pytest.raises(DataError, match="at least three groups, but the documents have 2"):
        split_documents([*articles(2), Document("u", "text")], USUAL, 1)


def test_the_record_tells_where_everything_went():
    documents = [document("a1", "a", labels="XY"), document("a2", "a", labels="X"), document("b"), document("c")]
    split = split_documents(documents, USUAL, 3)
    record = json.loads(json.dumps(split.to_dict({"path": "d.jsonl", "sha256": "00"})))
    home = next(part for part, groups in record["groups"].items() if "a" in groups)
    assert set(record) == {"schema", "input", "ratios", "seed", "groups", "documents", "labels"}
    assert (record["schema"], record["seed"], record["ratios"]) == (1, 3, USUAL)
    assert record["input"] == {"path": "d.jsonl", "sha256": "00"}
    assert sorted(group for groups in record["groups"].values() for group in groups) == ["a", "b", "c"]
    assert record["documents"] == {part: 2 if part == home else 1 for part in PARTS}
    assert record["labels"] == {part: {"X": 2, "Y": 1} if part == home else {} for part in PARTS}
