"""Spans to tags and back: the rules of `align`, each with its tally, and round trips on arbitrary tokens."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwright.document import Document, Span
from spanwright.errors import DataError
from spanwright.labels import LabelSet, align, inside_word, runs_of, share_inside_words, span_over, spans_of, trim
from spanwright.tally import Tally

LABELS = LabelSet(("LOC", "PER"))
B_LOC, I_LOC, B_PER, I_PER = 1, 2, 3, 4
ALPHABET = "ab1 \n\u00a0.😀é"


def words(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\S+", text)]


def aligned(text: str, spans: list[Span], offsets: list[tuple[int, int]] | None = None) -> tuple[list[int], Tally]:
    """The tags, and the tally of one document; its tokens are words unless offsets are given."""
    tally = Tally("train", "span")
    tags = align(Document("d", text, tuple(spans)), words(text) if offsets is None else offsets, LABELS, tally)
    return tags, tally


def counts(tally: Tally) -> tuple[int, dict[str, int], dict[str, int]]:
    return tally.used, dict(tally.repaired), dict(tally.dropped)


def touches(pair: tuple[int, int], span: Span, text: str) -> bool:
    """Whether a token shares a character with a span, white space at the edges of the span aside."""
    start, end = trim(text, span.start, span.end)
    return start < end and pair[0] < pair[1] and pair[0] < end and start < pair[1]


@st.composite
def tokenized(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    """A text and ordered tokens on it: some empty, some that share characters, with gaps between them."""
    text = draw(st.text(ALPHABET, max_size=30))
    place = st.integers(0, len(text))
    pairs = draw(st.lists(st.tuples(place, place), max_size=14))
    starts = sorted(min(pair) for pair in pairs)
    ends = sorted(max(pair) for pair in pairs)
    return text, [trim(text, start, max(start, end)) for start, end in zip(starts, ends, strict=True)]


@st.composite
def labeled(draw: st.DrawFn) -> tuple[Document, list[tuple[int, int]]]:
    """A document with any spans at all, and tokens."""
    text, offsets = draw(tokenized())
    edges = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    pairs = draw(st.lists(edges.filter(lambda pair: pair[0] < pair[1]), max_size=8)) if text else []
    return Document("d", text, tuple(Span(*pair, draw(st.sampled_from(LABELS.names))) for pair in pairs)), offsets


@st.composite
def exact(draw: st.DrawFn) -> tuple[Document, list[tuple[int, int]]]:
    """A document whose spans do not overlap and begin and end with a token; tokens are disjoint, some are empty."""
    text, offsets, place = "", [], 0
    for word in draw(st.lists(st.sampled_from(["a", "Zoë", "😀", ".", "", " "]), max_size=16)):
        gap = draw(st.sampled_from(["", " ", "\n\n"]))
        offsets.append(trim(text + gap + word, place + len(gap), place + len(gap) + len(word)))
        text += gap + word
        place = len(text)
    filled = [pair for pair in offsets if pair[0] < pair[1]]
    cuts = sorted(draw(st.sets(st.integers(0, len(filled)), max_size=9)))
    spans = [
        Span(filled[first][0], filled[end - 1][1], draw(st.sampled_from(LABELS.names)))
        for first, end in pairwise(cuts)
        if draw(st.booleans())
    ]
    return Document("d", text, tuple(spans)), offsets


def test_a_label_set_has_the_labels_of_the_documents_sorted():
    documents = [
        Document("1", "abc", (Span(0, 1, "PER"), Span(1, 2, "LOC"))),
        Document("2", "abc"),
        Document("3", "abc", (Span(0, 1, "PER"),)),
    ]
    assert LabelSet.of(documents) == LABELS
    assert len(LABELS) == 2


def test_documents_without_spans_have_no_labels():
    assert LabelSet.of([Document("1", "abc"), Document("2", "abc", ())]).tags == ("O",)


def test_tags_stand_in_the_order_of_their_ids():
    assert LABELS.tags == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert [LABELS.begin("LOC"), LABELS.begin("PER")] == [B_LOC, B_PER]


def test_labels_are_read_from_tags_in_any_order():
    assert LabelSet.from_tags(["I-PER", "B-LOC", "O", "B-PER", "B-A-B"]).names == ("PER", "LOC", "A-B")


def test_labels_survive_the_way_through_their_tags():
    assert LabelSet.from_tags(LABELS.tags) == LABELS


@pytest.mark.parametrize("tag", ["LABEL_0", "S-PER", "B-", "", "b-PER", "o"])
def test_other_tag_schemes_are_refused(tag):
    with pytest.raises(DataError, match="Only models with B-/I-/O tags") as error:
        LabelSet.from_tags(["O", "B-PER", tag])
    assert f"tags: {tag}." in error.value.problems[0].what


@pytest.mark.parametrize(
    ("text", "start", "end", "wanted"),
    [(" ab\n", 0, 4, (1, 3)), ("ab", 0, 2, (0, 2)), ("a b c", 1, 4, (2, 3)), ("ab", 1, 1, (1, 1))],
)
def test_trim_cuts_white_space_at_the_edges_only(text, start, end, wanted):
    assert trim(text, start, end) == wanted


def test_trim_leaves_nothing_of_white_space():
    start, end = trim("a \u00a0\t b", 1, 5)
    assert start == end


@pytest.mark.parametrize(
    ("place", "cuts"), [(0, False), (1, True), (2, False), (3, False), (4, True), (5, False), (6, False)]
)
def test_a_boundary_is_inside_a_word_between_letters_or_digits(place, cuts):
    assert inside_word("Ab-c1é"[:5], place) is cuts


def test_the_share_of_boundaries_inside_words_counts_both_ends_of_every_span():
    documents = [
        Document("1", "Rome is", (Span(0, 4, "LOC"), Span(0, 2, "LOC"))),
        Document("2", "Rome"),
        Document("3", "Rome", (Span(1, 3, "LOC"),)),
    ]
    assert share_inside_words(documents) == 0.5


def test_the_share_inside_words_is_zero_without_spans():
    assert share_inside_words([Document("1", "Rome", ())]) == 0.0


def test_a_span_on_token_edges_is_tagged_and_used():
    tags, tally = aligned("Ann Lee in Rome", [Span(0, 7, "PER"), Span(11, 15, "LOC")])
    assert tags == [B_PER, I_PER, 0, B_LOC]
    assert counts(tally) == (2, {}, {})


def test_touching_spans_of_one_label_stay_two():
    tags, tally = aligned("Rome Oslo", [Span(0, 4, "LOC"), Span(5, 9, "LOC")])
    assert tags == [B_LOC, B_LOC]
    assert counts(tally) == (2, {}, {})


def test_a_document_without_spans_is_outside_everywhere():
    assert aligned("a b", [])[0] == [0, 0]
    tally = Tally("train", "span")
    assert align(Document("d", "a b"), [(0, 1), (2, 3)], LABELS, tally) == [0, 0]
    assert tally.records_in == 0


def test_white_space_at_an_edge_is_cut_off_and_tallied():
    tags, tally = aligned("in Rome now", [Span(2, 8, "LOC")])
    assert tags == [0, B_LOC, 0]
    assert counts(tally) == (1, {"edge-whitespace": 1}, {})


def test_a_span_of_white_space_is_dropped_and_tallied():
    tags, tally = aligned("in \u00a0 Rome", [Span(2, 5, "LOC")])
    assert tags == [0, 0]
    assert counts(tally) == (0, {}, {"whitespace-only": 1})


def test_a_span_without_a_token_is_dropped_and_tallied():
    tags, tally = aligned("a ¤ b", [Span(2, 3, "LOC")], [(0, 1), (4, 5)])
    assert tags == [0, 0]
    assert counts(tally) == (0, {}, {"no-token": 1})


def test_a_span_over_an_empty_token_only_has_no_token():
    tags, tally = aligned("a ¤ b", [Span(2, 3, "LOC")], [(0, 1), (2, 2), (3, 3), (4, 5)])
    assert tags == [0, 0, 0, 0]
    assert counts(tally) == (0, {}, {"no-token": 1})


@pytest.mark.parametrize(("start", "end"), [(1, 4), (0, 3), (1, 3)])
def test_a_token_that_straddles_an_edge_is_taken_whole_and_tallied(start, end):
    tags, tally = aligned("Rome now", [Span(start, end, "LOC")])
    assert tags == [B_LOC, 0]
    assert counts(tally) == (1, {"boundary-moved-to-token": 1}, {})


def test_an_edge_on_characters_without_a_token_moves_inward_and_is_tallied():
    tags, tally = aligned("¤Rome¤ now", [Span(0, 6, "LOC")], [(1, 5), (7, 10)])
    assert tags == [B_LOC, 0]
    assert counts(tally) == (1, {"boundary-moved-to-token": 1}, {})


def test_characters_without_a_token_in_the_middle_of_a_span_are_no_repair():
    tags, tally = aligned("Ro¤me", [Span(0, 5, "LOC")], [(0, 2), (3, 5)])
    assert tags == [B_LOC, I_LOC]
    assert counts(tally) == (1, {}, {})


def test_one_span_may_be_repaired_for_both_reasons():
    tags, tally = aligned("in Rome", [Span(2, 5, "LOC")])
    assert tags == [0, B_LOC]
    assert counts(tally) == (1, {"edge-whitespace": 1, "boundary-moved-to-token": 1}, {})


def test_tokens_that_share_a_character_belong_to_its_span_together():
    tags, tally = aligned("a😀b", [Span(1, 2, "LOC")], [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)])
    assert tags == [0, B_LOC, I_LOC, I_LOC, 0]
    assert counts(tally) == (1, {}, {})


def test_an_empty_token_inside_a_span_continues_it_and_one_beside_it_does_not():
    tags, _ = aligned("ab cd", [Span(0, 5, "LOC")], [(0, 0), (0, 2), (3, 3), (3, 5), (5, 5)])
    assert tags == [0, B_LOC, I_LOC, I_LOC, 0]


def test_the_longest_of_overlapping_spans_wins():
    tags, tally = aligned("a b c d", [Span(0, 3, "PER"), Span(2, 7, "LOC")])
    assert tags == [0, B_LOC, I_LOC, I_LOC]
    assert counts(tally) == (1, {}, {"overlap": 1})


def test_white_space_at_an_edge_does_not_make_a_span_longer_than_another():
    tags, tally = aligned("   abcd", [Span(0, 5, "PER"), Span(3, 7, "LOC")], [(3, 5), (5, 7)])
    assert tags == [B_LOC, I_LOC]
    assert counts(tally) == (1, {}, {"overlap": 1})


def test_of_overlapping_spans_of_equal_length_the_first_wins():
    tags, tally = aligned("a b c", [Span(2, 5, "LOC"), Span(0, 3, "PER")])
    assert tags == [B_PER, I_PER, 0]
    assert counts(tally) == (1, {}, {"overlap": 1})


def test_of_two_labels_on_one_span_the_one_that_sorts_first_wins():
    tags, tally = aligned("a b", [Span(0, 3, "PER"), Span(0, 3, "LOC")])
    assert tags == [B_LOC, I_LOC]
    assert counts(tally) == (1, {}, {"overlap": 1})


def test_a_nested_span_is_dropped():
    tags, tally = aligned("University of Oslo", [Span(0, 18, "PER"), Span(14, 18, "LOC")])
    assert tags == [B_PER, I_PER, I_PER]
    assert counts(tally) == (1, {}, {"overlap": 1})
    assert tally.examples["overlap"] == ["d [14:18] LOC 'Oslo'"]


def test_the_same_span_twice_is_dropped_once_as_a_duplicate():
    tags, tally = aligned("Rome", [Span(0, 4, "LOC"), Span(0, 4, "LOC", 0.5)])
    assert tags == [B_LOC]
    assert counts(tally) == (1, {}, {"duplicate": 1})


def test_spans_that_only_share_a_token_are_told_apart_from_overlaps():
    tags, tally = aligned("Rome-Oslo", [Span(0, 4, "LOC"), Span(5, 9, "LOC")])
    assert tags == [B_LOC]
    assert counts(tally) == (1, {"boundary-moved-to-token": 1}, {"shares-a-token": 1})


def test_a_span_that_shares_a_token_with_one_and_characters_with_another_is_an_overlap():
    _, tally = aligned("abcdefgh", [Span(0, 3, "LOC"), Span(3, 6, "PER"), Span(4, 8, "LOC")], offsets=[(0, 4), (4, 8)])
    assert counts(tally) == (2, {"boundary-moved-to-token": 1}, {"overlap": 1})


def test_a_span_that_lost_takes_no_token_from_others():
    tags, tally = aligned("a b c d e f", [Span(0, 5, "LOC"), Span(4, 9, "PER"), Span(8, 11, "LOC")])
    assert tags == [B_LOC, I_LOC, I_LOC, 0, B_LOC, I_LOC]
    assert counts(tally) == (2, {}, {"overlap": 1})


def test_an_example_names_document_place_label_and_the_first_characters():
    _, tally = aligned(f" {'x' * 70}", [Span(0, 71, "LOC")])
    assert tally.examples["edge-whitespace"] == [f"d [0:71] LOC ' {'x' * 59}'"]


@given(labeled())
@settings(deadline=None, max_examples=150)
def test_the_tally_adds_up_to_the_number_of_spans(case):
    document, offsets = case
    tally = Tally("train", "span")
    tags = align(document, offsets, LABELS, tally)
    assert tally.records_in == len(document.spans)
    assert tally.used == sum(tag in (B_LOC, B_PER) for tag in tags) == len(list(runs_of(tags)))


@given(labeled())
@settings(deadline=None, max_examples=150)
def test_every_tagged_token_touches_or_lies_inside_a_span_of_its_label(case):
    document, offsets = case
    tags = align(document, offsets, LABELS, Tally("train", "span"))
    for first, last, label in runs_of(tags):
        owners = [
            span
            for span in document.spans
            if span.label == LABELS.names[label]
            and [index for index, pair in enumerate(offsets) if touches(pair, span, document.text)]
            == [index for index in range(first, last + 1) if offsets[index][0] < offsets[index][1]]
        ]
        assert owners


@given(labeled())
@settings(deadline=None, max_examples=100)
def test_a_span_is_dropped_only_for_a_token_that_another_took(case):
    document, offsets = case
    tally = Tally("train", "span")
    tags = align(document, offsets, LABELS, tally)
    for span in document.spans:
        mine = [index for index, pair in enumerate(offsets) if touches(pair, span, document.text)]
        assert not mine or any(tags[index] for index in mine)
    without = sum(
        not any(touches(pair, span, document.text) for pair in offsets)
        for span in document.spans
        if document.surface(span).strip()
    )
    assert tally.dropped["no-token"] == without
    assert tally.dropped["whitespace-only"] == sum(not document.surface(span).strip() for span in document.spans)


@given(exact())
@settings(deadline=None, max_examples=150)
def test_spans_on_token_edges_survive_the_way_through_tags(case):
    document, offsets = case
    tally = Tally("train", "span")
    tags = align(document, offsets, LABELS, tally)
    assert spans_of(tags, offsets, LABELS) == list(document.spans)
    assert counts(tally) == (len(document.spans), {}, {})


@given(tokenized(), st.lists(st.integers(0, 4), max_size=14))
@settings(deadline=None, max_examples=150)
def test_any_tags_give_spans_with_token_edges(case, tags):
    text, offsets = case
    tags = (tags + [0] * len(offsets))[: len(offsets)]
    spans = spans_of(tags, offsets, LABELS)
    assert Document("d", text, tuple(spans)).spans is not None
    assert {span.start for span in spans} <= {start for start, _ in offsets}
    assert {span.end for span in spans} <= {end for _, end in offsets}


@pytest.mark.parametrize(
    ("tags", "runs"),
    [
        ([], []),
        ([0, 0], []),
        ([B_LOC, I_LOC, 0, B_PER], [(0, 1, 0), (3, 3, 1)]),
        ([B_LOC, B_LOC], [(0, 0, 0), (1, 1, 0)]),
        ([I_LOC, I_LOC], [(0, 1, 0)]),
        ([0, I_PER, 0, I_PER], [(1, 1, 1), (3, 3, 1)]),
        ([B_LOC, I_PER, I_PER], [(0, 0, 0), (1, 2, 1)]),
        ([I_LOC, B_LOC, I_LOC], [(0, 0, 0), (1, 2, 0)]),
    ],
)
def test_an_i_tag_that_continues_nothing_begins_a_span(tags, runs):
    assert list(runs_of(tags)) == runs


def test_empty_tokens_at_the_edges_do_not_move_a_span():
    offsets = [(0, 0), (1, 3), (3, 3), (4, 6), (9, 9)]
    assert spans_of([B_LOC, I_LOC, I_LOC, I_LOC, I_LOC], offsets, LABELS) == [Span(1, 6, "LOC")]


def test_a_span_over_empty_tokens_only_is_no_span():
    assert span_over(0, 1, [(2, 2), (3, 3), (4, 5)], "LOC") is None
    assert spans_of([B_LOC, I_LOC, B_PER], [(2, 2), (3, 3), (4, 5)], LABELS) == [Span(4, 5, "PER")]


def test_a_span_over_tokens_carries_its_score():
    span = span_over(1, 2, [(0, 1), (2, 3), (3, 5)], "LOC", 0.75)
    assert (span, span.score) == (Span(2, 5, "LOC"), 0.75)
