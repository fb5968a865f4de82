"""The error tree: exit codes, fields, and messages that say what, where, what is allowed and what to do."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import pytest

from spanwright import errors
from spanwright.errors import (
    DataError,
    FormatError,
    Interrupted,
    MissingExtraError,
    PathError,
    Problem,
    RequestError,
    SettingsError,
    SpanwrightError,
    WorkError,
)

CLASSES = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SpanwrightError)]


def an(kind: type[SpanwrightError]) -> SpanwrightError:
    return MissingExtraError("hub", "Pushing") if kind is MissingExtraError else kind("It broke.", remedy="Fix it.")


def test_a_problem_without_a_place_is_its_sentence():
    assert str(Problem("The text is empty.")) == "The text is empty."


def test_a_problem_names_its_place_from_the_coarse_to_the_fine():
    problem = Problem("Bad.", path=Path("a.json"), line=3, task=12, region="ab1", key="text")
    assert problem.where == "a.json, line 3, task 12, region ab1, text"


def test_a_problem_names_task_zero_and_line_zero():
    assert Problem("Bad.", line=0, task=0).where == "line 0, task 0"


def test_a_problem_says_where_what_allowed_and_remedy_in_this_order():
    problem = Problem("No such key.", "Did you mean a?", path="x.toml", key="b", allowed=("a", "c"))
    assert str(problem) == "x.toml, b: No such key. Allowed: a, c. Did you mean a?"


def test_a_problem_cannot_be_changed():
    with pytest.raises(AttributeError):
        Problem("Bad.").what = "Good."


def test_an_error_made_from_a_sentence_carries_one_problem_with_all_fields():
    error = FormatError("Bad.", remedy="Fix it.", path="a", line=1, task=2, region="r", key="k", allowed=["x", "y"])
    assert error.problems == (Problem("Bad.", "Fix it.", "a", 1, 2, "r", "k", ("x", "y")),)
    assert str(error) == "a, line 1, task 2, region r, k: Bad. Allowed: x, y. Fix it."


def test_several_problems_stand_below_their_heading_and_above_the_remedy():
    error = DataError("Two mistakes:", problems=[Problem("One."), Problem("Two.", path="b")], remedy="Fix both.")
    assert str(error) == "Two mistakes:\n  One.\n  b: Two.\nFix both."
    assert [problem.what for problem in error.problems] == ["One.", "Two."]


def test_problems_without_a_heading_are_one_line_each():
    assert str(DataError(problems=[Problem("One."), Problem("Two.")])) == "One.\nTwo."


def test_problems_may_come_from_a_generator():
    error = DataError("Mistakes:", problems=(Problem(what) for what in ("One.", "Two.")))
    assert str(error) == "Mistakes:\n  One.\n  Two."


@pytest.mark.parametrize("problems", [[], iter(())], ids=["list", "iterator"])
def test_no_problems_leave_the_sentence_as_it_is(problems):
    assert str(DataError("It broke.", problems=problems)) == "It broke."


def test_twenty_problems_are_all_spelled_out():
    lines = str(DataError("Mistakes:", problems=[Problem(f"No. {number}") for number in range(20)])).splitlines()
    assert lines[1:] == [f"  No. {number}" for number in range(20)]


@pytest.mark.parametrize("more", [1, 3])
def test_more_than_twenty_problems_are_counted_and_kept(more):
    error = DataError("Mistakes:", problems=[Problem(f"No. {number}") for number in range(20 + more)], remedy="Fix.")
    assert str(error).splitlines()[-3:] == ["  No. 19", f"  … and {more} more", "Fix."]
    assert len(error.problems) == 20 + more


def test_a_missing_extra_tells_the_command_that_installs_it():
    error = MissingExtraError("mlflow", "Tracking")
    assert str(error) == 'Tracking needs an optional package. Install it: pip install "spanwright[mlflow]"'
    assert error.extra == "mlflow"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_wrong_request_exits_with_2_and_failed_work_with_1(kind):
    assert kind.exit_code == (2 if issubclass(kind, RequestError) else 1)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_can_be_sent_to_another_process(kind):
    error = an(kind)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.problems, str(copy)) == (kind, error.problems, str(error))


def test_the_tree_has_two_branches_below_one_root():
    assert issubclass(RequestError, SpanwrightError)
    assert issubclass(WorkError, SpanwrightError)
    assert not issubclass(WorkError, RequestError)
    assert issubclass(Interrupted, WorkError)
    assert all(issubclass(kind, RequestError) for kind in (PathError, FormatError, DataError, SettingsError))


def test_the_docstring_draws_every_class_below_its_parent():
    drawn = re.findall(r"^ {4}(.*?)(\w+)  ", errors.__doc__, flags=re.MULTILINE)
    above: dict[int, str] = {}
    parents = {}
    for indent, name in drawn:
        depth = len(indent) // 4
        above[depth] = name
        parents[name] = above.get(depth - 1)
    assert parents == {kind.__name__: None if kind is SpanwrightError else kind.__base__.__name__ for kind in CLASSES}
