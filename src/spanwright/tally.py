"""`Tally`: nothing disappears silently.

A step that takes records in counts each of them exactly once, as used or as dropped for a reason. A used record may also
have been repaired. `records_in` is used + dropped, so the numbers can be held against a count of the input files.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

KEPT_EXAMPLES = 5


@dataclass
class Tally:
    """Counts of what one step did with its records.

    Attributes:
        step: the step's name, such as `import`.
        unit: what is counted, in the singular, such as `region`.
        used: how many records went on, repaired ones included.
        repaired: how many used records were changed, by reason; one record may have several reasons.
        dropped: how many records did not go on, by their one reason.
        examples: the first few places per reason, as readable text.
    """

    step: str
    unit: str
    used: int = 0
    repaired: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def records_in(self) -> int:
        """How many records came in."""
        return self.used + self.dropped.total()

    def use(self, repairs: Iterable[str] = (), example: str = "", count: int = 1) -> None:
        """Count `count` records that go on, with the reasons for which they were repaired."""
        self.used += count
        for reason in dict.fromkeys(repairs):
            self.repaired[reason] += count
            self._remember(reason, example)

    def drop(self, reason: str, example: str = "", count: int = 1) -> None:
        """Count `count` records that do not go on, and why."""
        if count:
            self.dropped[reason] += count
            self._remember(reason, example)

    def _remember(self, reason: str, example: str) -> None:
        if example and len(self.examples[reason]) < KEPT_EXAMPLES:
            self.examples[reason].append(example)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form, `tally.json` in the design."""
        return {
            "schema": 1,
            "step": self.step,
            "unit": self.unit,
            "in": self.records_in,
            "used": self.used,
            "repaired": dict(sorted(self.repaired.items())),
            "dropped": dict(sorted(self.dropped.items())),
            "examples": {reason: list(examples) for reason, examples in sorted(self.examples.items())},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tally:
        """The reverse of `to_dict`."""
        tally = cls(data["step"], data.get("unit", "record"), data["used"])
        tally.repaired.update(data["repaired"])
        tally.dropped.update(data["dropped"])
        tally.examples.update({reason: list(examples) for reason, examples in data["examples"].items()})
        return tally

    def __str__(self) -> str:
        parts = [f"{self.records_in:,} {self.unit}s in", f"{self.used:,} used"]
        parts += [f"{count:,} repaired ({reason})" for reason, count in self.repaired.most_common()]
        parts += [f"{count:,} dropped ({reason})" for reason, count in self.dropped.most_common()]
        return ", ".join(parts)
