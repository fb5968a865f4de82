"""Every error that Spanwright raises on purpose, in one tree.

    SpanwrightError             anything below; the command line turns it into a message
    ├── RequestError            the request or its input is wrong           exit code 2
    │   ├── PathError           a path is missing, empty, or in the way
    │   ├── FormatError         a file is not what it should be
    │   ├── AnnotationError     a region of an annotation cannot be right
    │   ├── DataError           the documents cannot be used for this step
    │   ├── SettingsError       a key or a value of the settings is wrong
    │   ├── ModelError          a model or tokenizer cannot be used
    │   └── MissingExtraError   an optional package is not installed
    └── WorkError               the request was right, the work failed      exit code 1
        └── Interrupted         stopped by the user; says how to go on

An error carries `Problem` records, one per mistake, so that all the mistakes of a file are told at once and a program
can read the fields instead of the sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SHOWN = 20
"""How many problems a message spells out before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: what it is, where it is, what to do, and what would have been allowed."""

    what: str
    remedy: str = ""
    path: Path | str | None = None
    line: int | None = None
    task: int | str | None = None
    region: str | None = None
    key: str | None = None
    allowed: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The place, from the coarse to the fine: `file.json, line 3, task 12, region ab1`."""
        parts = [
            str(self.path) if self.path is not None else "",
            f"line {self.line}" if self.line is not None else "",
            f"task {self.task}" if self.task is not None else "",
            f"region {self.region}" if self.region is not None else "",
            self.key or "",
        ]
        return ", ".join(part for part in parts if part)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.allowed:
            text += f" Allowed: {', '.join(self.allowed)}."
        return f"{text} {self.remedy}" if self.remedy else text


class SpanwrightError(Exception):
    """The root of the tree.

    Args:
        what: the mistake in one sentence; the keyword arguments are the other fields of a `Problem`.
        problems: several mistakes instead of one; `what` is then the heading above them.
    """

    exit_code = 1

    def __init__(
        self,
        what: str = "",
        *,
        problems: Iterable[Problem] = (),
        remedy: str = "",
        path: Path | str | None = None,
        line: int | None = None,
        task: int | str | None = None,
        region: str | None = None,
        key: str | None = None,
        allowed: Sequence[str] = (),
    ) -> None:
        given = tuple(problems)
        self.problems = given or (Problem(what, remedy, path, line, task, region, key, tuple(allowed)),)
        self.title = what if given else ""
        self.remedy = remedy
        super().__init__(self._message())

    def _message(self) -> str:
        if not self.title:
            return "\n".join(str(problem) for problem in self.problems)
        shown = [f"  {problem}" for problem in self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            shown.append(f"  … and {len(self.problems) - SHOWN} more")
        return "\n".join([self.title, *shown, *([self.remedy] if self.remedy else [])])


class RequestError(SpanwrightError):
    """The request or its input is wrong; nothing was changed."""

    exit_code = 2


class PathError(RequestError):
    """A path is missing, empty, of the wrong kind, or already in use."""


class FormatError(RequestError):
    """A file is truncated, of another kind, or breaks the rules of its format."""


class AnnotationError(RequestError):
    """A region of an annotation cannot be right, such as offsets beyond the text."""


class DataError(RequestError):
    """The documents are readable but cannot be used for this step."""


class SettingsError(RequestError):
    """A settings key is unknown or its value is not allowed."""


class ModelError(RequestError):
    """A model or tokenizer is missing or cannot be used."""


class MissingExtraError(RequestError):
    """An optional package is not installed; the message has the command that installs it."""

    def __init__(self, extra: str, what_for: str) -> None:
        self.extra, self.what_for = extra, what_for
        super().__init__(
            f"{what_for} needs an optional package.", remedy=f'Install it: pip install "spanwright[{extra}]"'
        )

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return type(self), (self.extra, self.what_for)


class WorkError(SpanwrightError):
    """The request was right and the work failed all the same."""


class Interrupted(WorkError):  # noqa: N818  it is no fault
    """Stopped by Ctrl-C or a signal; what was reached is kept and the message says how to go on."""
