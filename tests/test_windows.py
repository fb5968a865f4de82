"""Windows over long documents: nothing lost, nothing twice, never too long, and most context for every token."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwright.errors import SettingsError
from spanwright.windows import Window, plan_windows, trim_offsets


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, int, int]:
    """Tokens, length and stride."""
    length = draw(st.integers(1, 80))
    return draw(st.integers(1, 900)), length, draw(st.integers(0, length - 1))


EACH_PLAN = settings(deadline=None, max_examples=150)


def test_a_document_without_tokens_has_no_window():
    assert plan_windows(0, 10, 2) == []


@pytest.mark.parametrize("tokens", [1, 9, 10])
def test_a_document_that_fits_is_one_window(tokens):
    assert plan_windows(tokens, 10, 2) == [Window(0, tokens, 0, tokens)]


def test_one_token_too_many_makes_two_windows_of_nearly_equal_length():
    assert plan_windows(11, 10, 2) == [Window(0, 7, 0, 5), Window(4, 11, 5, 11)]


def test_without_a_stride_the_cores_are_the_windows():
    assert plan_windows(12, 4, 0) == [Window(0, 4, 0, 4), Window(4, 8, 4, 8), Window(8, 12, 8, 12)]


def test_three_windows_by_hand():
    assert plan_windows(16, 8, 4) == [Window(0, 8, 0, 6), Window(4, 12, 6, 10), Window(8, 16, 10, 16)]


def test_the_length_of_a_window_is_what_is_read():
    assert len(Window(4, 12, 6, 10)) == 8


@given(plans())
@EACH_PLAN
def test_the_cores_partition_the_tokens(plan):
    covered = [token for window in plan_windows(*plan) for token in range(window.core_start, window.core_end)]
    assert covered == list(range(plan[0]))


@given(plans())
@EACH_PLAN
def test_every_core_lies_in_its_window_and_is_not_empty(plan):
    assert all(w.start <= w.core_start < w.core_end <= w.end for w in plan_windows(*plan))


@given(plans())
@EACH_PLAN
def test_the_windows_reach_from_the_first_to_the_last_token_and_move_on(plan):
    windows = plan_windows(*plan)
    assert (windows[0].start, windows[-1].end) == (0, plan[0])
    assert all(one.start < two.start and one.end < two.end for one, two in pairwise(windows))


@given(plans())
@EACH_PLAN
def test_neighbors_share_at_least_the_stride(plan):
    assert all(one.end - two.start >= plan[2] for one, two in pairwise(plan_windows(*plan)))


@given(plans())
@EACH_PLAN
def test_no_window_is_longer_than_allowed_and_lengths_differ_by_one_at_most(plan):
    lengths = [len(window) for window in plan_windows(*plan)]
    assert min(lengths) >= 1
    assert max(lengths) <= plan[1]
    assert max(lengths) - min(lengths) <= 1


@given(plans())
@EACH_PLAN
def test_there_are_no_more_windows_than_needed(plan):
    tokens, length, stride = plan
    count = len(plan_windows(*plan))
    assert count == 1 or (count - 1) * (length - stride) + stride < tokens


@given(plans())
@settings(deadline=None, max_examples=60)
def test_every_token_is_taken_from_the_window_with_most_context_on_its_poorer_side(plan):
    windows = plan_windows(*plan)
    for window in windows:
        for token in (window.core_start, window.core_end - 1):
            context = [min(token - w.start, w.end - 1 - token) for w in windows]
            assert min(token - window.start, window.end - 1 - token) == max(context)


@pytest.mark.parametrize("tokens", [0, 5, 50])
@pytest.mark.parametrize(("length", "stride"), [(10, 10), (10, 11), (10, -1), (0, 0), (-4, 0)])
def test_a_stride_that_leaves_no_room_is_refused_with_its_key(tokens, length, stride):
    with pytest.raises(SettingsError, match=r"must be 0 or more and below windows\.length") as error:
        plan_windows(tokens, length, stride)
    assert error.value.problems[0].key == "windows.stride"
    assert f"A stride of {stride} does not fit windows of {length} sub-words" in str(error.value)


def test_white_space_that_a_tokenizer_counts_into_a_token_is_cut_off():
    assert trim_offsets("a  bc\n", [(0, 1), (1, 5), (5, 6), (2, 2)]) == [(0, 1), (3, 5), (6, 6), (2, 2)]
