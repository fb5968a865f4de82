"""Batches by token budget: complete, small in padding, different every epoch, equal in number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwright.model.batches import Collator, TokenBudgetSampler
from spanwright.model.encode import IGNORED, Example

lengths = st.lists(st.integers(3, 200), min_size=1, max_size=80)


@given(lengths=lengths, budget=st.integers(50, 600), epoch=st.integers(0, 5))
@settings(deadline=None, max_examples=100)
def test_every_window_comes_once_an_epoch(lengths: list[int], budget: int, epoch: int) -> None:
    sampler = TokenBudgetSampler(lengths, budget, seed=1)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert sorted(window for batch in batches for window in batch) == list(range(len(lengths)))
    assert len(batches) == len(sampler)


def test_windows_of_one_length_fill_the_budget_exactly() -> None:
    sampler = TokenBudgetSampler([100] * 40, 400, seed=1)
    assert [len(batch) for batch in sampler] == [4] * 10


def test_lengths_are_alike_within_a_batch() -> None:
    generator = np.random.default_rng(0)
    lengths = generator.integers(10, 250, 2_000).tolist()
    sampler = TokenBudgetSampler(lengths, 1024, seed=1)
    padded = sum(len(batch) * max(lengths[window] for window in batch) for batch in sampler)
    in_random_order = generator.permutation(2_000).reshape(-1, 16)
    padded_at_random = sum(16 * max(lengths[window] for window in batch) for batch in in_random_order)
    assert padded / sum(lengths) < 1.08
    assert padded_at_random / sum(lengths) > 1.5


def test_epochs_differ_and_a_seed_repeats() -> None:
    sampler, same = (TokenBudgetSampler(list(range(10, 210)), 500, seed=3) for _ in range(2))
    first = list(sampler)
    assert first == list(same)
    sampler.set_epoch(1)
    assert list(sampler) != first


@pytest.mark.parametrize("processes", [2, 3, 5])
def test_processes_share_an_epoch_in_equal_steps(processes: int) -> None:
    lengths = list(range(10, 87))
    alone = {tuple(batch) for batch in TokenBudgetSampler(lengths, 200, seed=3)}
    ranks = [list(TokenBudgetSampler(lengths, 200, 3, rank, processes)) for rank in range(processes)]
    assert len({len(rank) for rank in ranks}) == 1
    assert {tuple(batch) for rank in ranks for batch in rank} == alone


def test_the_collator_pads_and_counts_real_tokens() -> None:
    collator = Collator(pad=9)
    batch = collator([Example(np.array([1, 2, 3]), np.array([IGNORED, 1, 0])), Example(np.array([4]), np.array([2]))])
    assert batch["input_ids"].tolist() == [[1, 2, 3], [4, 9, 9]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert batch["labels"].tolist() == [[IGNORED, 1, 0], [2, IGNORED, IGNORED]]
    assert collator.tokens == 4
