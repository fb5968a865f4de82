"""`Span` and `Document`: what they accept, how they compare, and code points as the unit of offsets."""

from __future__ import annotations

import random

import pytest

from spanwright.document import Document, Span
from spanwright.errors import DataError


@pytest.mark.parametrize(("start", "end"), [(3, 3), (4, 3), (-1, 2), (-2, -1)])
def test_a_span_needs_a_beginning_before_its_end(start, end):
    with pytest.raises(DataError, match=f"0 <= start < end, but start is {start} and end is {end}"):
        Span(start, end, "X")


def test_a_span_needs_a_label():
    with pytest.raises(DataError, match="The span 0–2 has no label"):
        Span(0, 2, "")


@pytest.mark.parametrize("score", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_score_outside_0_to_1_is_refused(score):
    with pytest.raises(DataError, match=r"lies in \[0, 1\]"):
        Span(0, 2, "X", score)


@pytest.mark.parametrize("score", [None, 0.0, 1.0, 0.5])
def test_a_score_is_a_probability_or_none(score):
    assert Span(0, 2, "X", score).score == score


def test_the_score_takes_no_part_in_equality_hash_or_order():
    low, high = Span(0, 2, "X", 0.1), Span(0, 2, "X", 0.9)
    assert low == high
    assert hash(low) == hash(high)
    assert not low < high
    assert not high < low


def test_spans_are_ordered_by_start_then_end_then_label():
    wanted = [Span(0, 1, "Z"), Span(0, 2, "A"), Span(0, 2, "B"), Span(1, 2, "A")]
    shuffled = random.Random(3).sample(wanted, len(wanted))
    assert sorted(shuffled) == wanted


def test_the_length_of_a_span_is_in_characters():
    assert len(Span(3, 7, "X")) == 4


def test_a_span_cannot_be_changed():
    with pytest.raises(AttributeError):
        Span(0, 1, "X").start = 2


@pytest.mark.parametrize(
    ("other", "shares"),
    [((0, 2), False), ((0, 3), True), ((2, 5), True), ((3, 4), True), ((4, 9), True), ((5, 6), False)],
)
def test_spans_overlap_when_they_share_a_character(other, shares):
    one, two = Span(2, 5, "X"), Span(*other, "Y")
    assert one.overlaps(two) is shares
    assert two.overlaps(one) is shares


def test_a_document_sorts_its_spans():
    document = Document("1", "abcd", [Span(2, 3, "X"), Span(0, 4, "Y"), Span(0, 1, "X")])
    assert document.spans == (Span(0, 1, "X"), Span(0, 4, "Y"), Span(2, 3, "X"))


def test_a_document_keeps_overlapping_and_equal_spans():
    spans = (Span(0, 2, "X"), Span(0, 2, "X"), Span(1, 3, "Y"))
    assert Document("1", "abc", spans).spans == spans


def test_unlabeled_is_not_the_same_as_nothing_found():
    assert Document("1", "abc").spans is None
    assert Document("1", "abc", ()).spans == ()
    assert Document("1", "abc") != Document("1", "abc", ())


def test_a_span_may_end_with_the_text_and_not_beyond():
    assert Document("1", "abc", (Span(1, 3, "X"),)).spans == (Span(1, 3, "X"),)
    with pytest.raises(DataError, match="Document 1 has 3 characters, but its span X ends at 4"):
        Document("1", "abc", (Span(1, 4, "X"),))


def test_the_group_is_the_id_when_none_is_given():
    assert Document("7", "abc").group == "7"
    assert Document("7", "abc", group="article").group == "article"


def test_offsets_count_code_points():
    document = Document("1", "😀 Zoë", (Span(2, 5, "NAME"),))
    assert document.surface(document.spans[0]) == "Zoë"
    assert document.surface(Span(0, 1, "X")) == "😀"


def test_other_spans_leave_the_rest_of_a_document_alone():
    document = Document("1", "abc", (Span(0, 1, "X"),), "g", {"k": 1})
    assert document.with_spans((Span(1, 2, "Y"),)) == Document("1", "abc", (Span(1, 2, "Y"),), "g", {"k": 1})
    assert document.with_spans(None).spans is None
    assert document.spans == (Span(0, 1, "X"),)


def test_other_spans_are_checked_and_sorted_too():
    document = Document("1", "abc")
    assert document.with_spans((Span(1, 2, "X"), Span(0, 1, "X"))).spans == (Span(0, 1, "X"), Span(1, 2, "X"))
    with pytest.raises(DataError, match="ends at 9"):
        document.with_spans((Span(1, 9, "X"),))


def test_two_documents_share_no_meta_by_accident():
    assert Document("1", "a").meta is not Document("2", "b").meta
