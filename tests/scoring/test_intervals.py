"""The bootstrap over groups: its draws, its sums and its percentiles."""

from __future__ import annotations

import numpy as np
import pytest

from spanwright.scoring import intervals
from spanwright.scoring.intervals import interval, resampled, sum_by_group


def test_counts_of_one_group_are_summed_wherever_its_documents_stand() -> None:
    counts = np.arange(4 * 2 * 3).reshape(4, 2, 3)
    summed = sum_by_group(counts, np.array([1, 0, 1, 0]))
    assert summed.tolist() == [(counts[1] + counts[3]).tolist(), (counts[0] + counts[2]).tolist()]


def test_a_resample_is_the_sum_of_the_groups_that_were_drawn() -> None:
    per_group = np.array([[[1, 10, 100]], [[2, 20, 200]], [[4, 40, 400]]])
    samples = resampled(per_group, 50, seed=3)
    draws = np.random.default_rng(3).multinomial(3, [1 / 3] * 3, size=50)
    expected = [
        [[sum(times * int(row[0, kind]) for times, row in zip(draw, per_group, strict=True)) for kind in range(3)]]
        for draw in draws
    ]
    assert samples.tolist() == expected
    assert draws.sum(axis=1).tolist() == [3] * 50


def test_large_inputs_are_drawn_in_blocks_with_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    per_group = np.random.default_rng(0).integers(0, 9, (7, 2, 3))
    at_once = resampled(per_group, 100, seed=1)
    monkeypatch.setattr(intervals, "BLOCK", 7 * 30)
    assert resampled(per_group, 100, seed=1).tolist() == at_once.tolist()
    monkeypatch.setattr(intervals, "BLOCK", 1)
    assert resampled(per_group, 100, seed=1).tolist() == at_once.tolist()


def test_the_same_seed_gives_the_same_resamples_and_another_seed_others() -> None:
    per_group = np.arange(30).reshape(10, 1, 3)
    assert resampled(per_group, 20, 5).tolist() == resampled(per_group, 20, 5).tolist()
    assert resampled(per_group, 20, 5).tolist() != resampled(per_group, 20, 6).tolist()


def test_one_group_is_drawn_again_and_again() -> None:
    assert resampled(np.array([[[2, 1, 3]]]), 4, 0).tolist() == [[[2, 1, 3]]] * 4


def test_the_ends_are_the_percentiles_on_either_side() -> None:
    assert interval(np.arange(101.0)).tolist() == pytest.approx([2.5, 97.5])
    assert interval(np.arange(101.0), level=0.5).tolist() == pytest.approx([25, 75])
    assert interval(np.array([3.0])).tolist() == [3, 3]


def test_the_order_of_samples_means_nothing() -> None:
    samples = np.random.default_rng(0).permutation(101).astype(float)
    assert interval(samples).tolist() == pytest.approx([2.5, 97.5])


def test_undefined_samples_do_not_enter_the_interval() -> None:
    samples = np.concatenate([np.arange(101.0), np.full(400, np.nan)])
    assert interval(samples).tolist() == pytest.approx([2.5, 97.5])


def test_an_interval_is_not_a_number_where_no_sample_is_defined() -> None:
    samples = np.array([[1.0, np.nan], [3.0, np.nan]])
    ends = interval(samples, level=0.5)
    assert ends[:, 0].tolist() == pytest.approx([1.5, 2.5])
    assert np.isnan(ends[:, 1]).all()


def test_the_interval_of_a_share_is_near_its_binomial_interval() -> None:
    hits = np.repeat([1, 0], 200)
    per_group = np.stack([hits, np.zeros(400, dtype=np.int64), 1 - hits], axis=1)[:, None, :]
    samples = resampled(per_group, 4_000, seed=0)[:, 0]
    low, high = interval(samples[:, 0] / 400)
    half = 1.959964 * (0.5 * 0.5 / 400) ** 0.5
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.005)


def test_documents_of_one_group_widen_the_interval_as_they_are_not_independent() -> None:
    hits = np.repeat([1, 0], 200)
    counts = np.stack([hits, np.zeros(400, dtype=np.int64), 1 - hits], axis=1)[:, None, :]
    by_document = interval(resampled(sum_by_group(counts, np.arange(400)), 1_000, 0)[:, 0, 0])
    by_article = interval(resampled(sum_by_group(counts, np.arange(400) // 20), 1_000, 0)[:, 0, 0])
    assert np.ptp(by_article) > 3 * np.ptp(by_document)
