"""Windows → batches of a token budget: little padding, and every epoch in another order.

Windows are sorted by length, so a batch holds windows of like length and padding stays small. To keep batches from being
the same every epoch, each window's place is jittered by up to `JITTER` batches before the cut, and the batches are
shuffled. The number of batches is the same in every epoch, so that a schedule can be laid out beforehand, and the same
for every process of a distributed run, so that none waits for a batch that never comes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Sampler

from spanwright.model.encode import IGNORED, Array, Example, pad_batch

JITTER = 4.0


class TokenBudgetSampler(Sampler[list[int]]):
    """Yields lists of window numbers.

    Args:
        lengths: tokens per window, special tokens included.
        budget: padded tokens per batch; one window of more makes a batch of its own.
        seed: of the shuffles, together with the epoch.
        rank, processes: which process of how many this is; each gets its own batches of the same epoch order. When the
            batches do not divide evenly, the first ones are repeated.
    """

    def __init__(self, lengths: Sequence[int], budget: int, seed: int, rank: int = 0, processes: int = 1) -> None:
        ordered = np.argsort(np.array(lengths), kind="stable")
        self.windows: npt.NDArray[np.int64] = ordered
        self.sizes = _cut([lengths[window] for window in ordered], budget)
        self.seed, self.rank, self.processes = seed, rank, processes
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of an epoch; the Trainer calls it, also when it resumes."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(len(self.sizes) / self.processes)

    def __iter__(self) -> Iterator[list[int]]:
        generator = np.random.default_rng([self.seed, self.epoch])
        place = np.repeat(np.arange(len(self.sizes)), self.sizes)
        jittered = place + generator.uniform(0, JITTER, len(place))
        batches = np.split(self.windows[np.argsort(jittered, kind="stable")], np.cumsum(self.sizes)[:-1])
        order = np.resize(generator.permutation(len(batches)), len(self) * self.processes)
        for number in order[self.rank :: self.processes]:
            yield batches[number].tolist()


def _cut(ascending: Sequence[int], budget: int) -> list[int]:
    """How many windows each batch takes, going up in length."""
    sizes = [0]
    for length in ascending:
        if sizes[-1] and (sizes[-1] + 1) * length > budget:
            sizes.append(0)
        sizes[-1] += 1
    return sizes


class WindowLoader(DataLoader[Any]):
    """A data loader that passes the epoch on to its batch sampler."""

    def set_epoch(self, epoch: int) -> None:
        """Called by the Trainer before each epoch."""
        self.batch_sampler.set_epoch(epoch)  # type: ignore[union-attr]


class Collator:
    """Pads windows into a batch, and counts the tokens that were not padding.

    Args:
        pad: id of the padding token.
    """

    def __init__(self, pad: int) -> None:
        self.pad = pad
        self.tokens = 0

    def __call__(self, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """Ids, attention mask and labels, int64, shape (windows, longest window)."""
        ids: list[Array] = [example.ids for example in examples]
        self.tokens += sum(len(row) for row in ids)
        mask = pad_batch([np.ones_like(row) for row in ids], 0)
        return {
            "input_ids": torch.from_numpy(pad_batch(ids, self.pad)),
            "attention_mask": torch.from_numpy(mask),
            "labels": torch.from_numpy(pad_batch([example.tags for example in examples], IGNORED)),
        }
