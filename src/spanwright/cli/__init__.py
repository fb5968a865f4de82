"""The command line: each command parses, calls one public function, and prints. Exit codes: 0 done, 1 failed, 2 wrong request."""

from __future__ import annotations

import logging
import os
import sys

from spanwright.errors import SpanwrightError
from spanwright.progress import LOG


def main() -> None:
    """Entry point of `spanwright` and `python -m spanwright`."""
    # Before any library is imported: tokenizers warns about forks otherwise, and nothing here should phone home.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    LOG.addHandler(logging.NullHandler())
    from spanwright.cli.app import app

    try:
        app()
    except SpanwrightError as error:
        _say(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("\nStopped. What was finished is kept, and nothing unfinished is in its place.", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except Exception as error:  # the last line of defense: a user gets a sentence, the log file has the traceback
        LOG.error("unexpected error", exc_info=True)
        print(f"Unexpected {type(error).__name__}: {error}", file=sys.stderr)
        print("log.txt in the output folder has the traceback, when the work had begun.", file=sys.stderr)
        if os.environ.get("SPANWRIGHT_TRACEBACK"):
            raise
        sys.exit(1)


def _say(error: SpanwrightError) -> None:
    from spanwright.cli.console import say_error

    say_error(str(error))
