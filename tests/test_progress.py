"""`Reporter` and the log file: what is said reaches the log, also when a block dies."""

from __future__ import annotations

import logging
from contextlib import suppress

import pytest

from spanwright.errors import Interrupted
from spanwright.progress import LOG, SILENT, Reporter, logging_to


def start_and_die(error: BaseException) -> None:
    SILENT.say("started")
    raise error


def test_what_is_said_reaches_the_logger(caplog):
    with caplog.at_level(logging.INFO, logger="spanwright"):
        SILENT.say("100% of %s")
    assert caplog.record_tuples == [("spanwright", logging.INFO, "100% of %s")]


def test_the_steps_of_a_task_are_logged_for_debugging(caplog):
    with caplog.at_level(logging.DEBUG, logger="spanwright"), Reporter().task("Training", 7) as advance:
        advance(3)
        advance(7, "loss 0.2")
    assert [record.getMessage().strip() for record in caplog.records] == [
        "Training: 3 of 7",
        "Training: 7 of 7 loss 0.2",
    ]


def test_the_silent_reporter_prints_nothing(capsys):
    SILENT.say("Hello.")
    with SILENT.task("Work", 1) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_everything_said_inside_the_block_is_in_the_file(tmp_path):
    path = tmp_path / "new" / "log.txt"
    SILENT.say("before")
    with logging_to(path):
        SILENT.say("Zoë 1")
        SILENT.say("two")
    SILENT.say("after")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == ["INFO Zoë 1", "INFO two"]


def test_a_second_block_appends(tmp_path):
    for word in ("one", "two"):
        with logging_to(tmp_path / "log.txt"):
            SILENT.say(word)
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert [line.rsplit(" ", 1)[1] for line in lines] == ["one", "two"]


@pytest.mark.parametrize("error", [ValueError("too bad"), KeyboardInterrupt(), Interrupted("Stopped at step 3.")])
def test_the_traceback_of_a_block_that_died_is_in_the_file(tmp_path, error):
    with pytest.raises(type(error)), logging_to(tmp_path / "log.txt"):
        start_and_die(error)
    text = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert "INFO started" in text
    assert f"ERROR Stopped by {type(error).__name__}: {error}" in text
    assert "Traceback (most recent call last):" in text
    assert "raise error" in text


@pytest.mark.parametrize("fails", [False, True])
def test_the_logger_is_as_before_after_the_block(tmp_path, caplog, fails):
    caplog.set_level(logging.WARNING, logger="spanwright")
    before = (LOG.level, list(LOG.handlers))
    with suppress(ValueError), logging_to(tmp_path / "log.txt"):
        assert LOG.level == logging.INFO
        if fails:
            raise ValueError
    assert (LOG.level, list(LOG.handlers)) == before


def test_blocks_inside_each_other_write_both_files(tmp_path):
    with logging_to(tmp_path / "outer.txt"):
        with logging_to(tmp_path / "inner.txt"):
            SILENT.say("both")
        SILENT.say("outer only")
    assert "both" in (tmp_path / "inner.txt").read_text(encoding="utf-8")
    assert "outer only" not in (tmp_path / "inner.txt").read_text(encoding="utf-8")
    outer = (tmp_path / "outer.txt").read_text(encoding="utf-8")
    assert "both" in outer
    assert "outer only" in outer
