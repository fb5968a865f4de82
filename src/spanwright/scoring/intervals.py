"""How sure a score is: percentile bootstrap over groups.

Spans of one article are alike, so the article (the group) is what is drawn with replacement, not the span (Efron and
Tibshirani 1993, ch. 8 and 13: resample the independent units, read the interval from the percentiles). A resample is a
vector of how often each group was drawn; its counts are that vector times the counts per group, so no span is matched
again. A resample in which a number is undefined (0/0) does not enter its interval.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spanwright.scoring.counts import FloatArray, IntArray

BLOCK = 2_000_000


def sum_by_group(counts: IntArray, groups: npt.NDArray[np.int64]) -> IntArray:
    """Counts per document, shape (documents, ...), summed per group, shape (groups, ...)."""
    total = np.zeros((int(groups.max(initial=-1)) + 1, *counts.shape[1:]), dtype=np.int64)
    np.add.at(total, groups, counts)
    return total


def resampled(per_group: IntArray, resamples: int, seed: int) -> FloatArray:
    """Summed counts of `resamples` bootstrap samples, shape (resamples, ...)."""
    groups = len(per_group)
    flat = per_group.reshape(groups, -1).astype(np.float64)
    generator = np.random.default_rng(seed)
    share = np.full(groups, 1 / groups)
    block = max(1, BLOCK // groups)
    parts = [
        generator.multinomial(groups, share, size=min(block, resamples - done)) @ flat
        for done in range(0, resamples, block)
    ]
    return np.concatenate(parts).reshape(resamples, *per_group.shape[1:])


def interval(samples: FloatArray, level: float = 0.95) -> FloatArray:
    """Lower and upper end over the first axis, shape (2, ...); NaN where no sample is defined."""
    tail = 100 * (1 - level) / 2
    defined = ~np.isnan(samples).all(axis=0)
    filled = np.where(defined, samples, 0.0)
    ends = np.nanpercentile(filled, [tail, 100 - tail], axis=0)
    return np.where(defined, ends, np.nan)
