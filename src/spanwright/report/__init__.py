"""From results to a page: `summary` gathers, `plots` draws, `page.html` lays out. Nothing is computed in the template.

The page is one file that needs no network: styles and figures (SVG with real text) are inside it. Corpus text is hostile
input, so the template escapes everything but the figures drawn here.
"""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from spanwright.files import replacing
from spanwright.report.summary import Summary, gather

__all__ = ["Summary", "gather", "write_report"]


def write_report(results: Path, path: Path, *, model: Path | None = None, data: Path | None = None) -> Summary:
    """Write the report over all evaluations in a results folder.

    Args:
        results: holds `NAME_PART/evaluation.json`.
        path: of the HTML file.
        model, data: folders that the evaluation used; what they record is shown too.
    """
    summary = gather(results, model=model, data=data)
    environment = Environment(
        loader=PackageLoader("spanwright.report", "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"score": _score, "between": _between, "count": _count}
    with replacing(path) as stream:
        stream.write(environment.get_template("page.html").render(summary=summary))
    return summary


def _score(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _between(ends: list[float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.3f}–{ends[1]:.3f}"


def _count(value: int) -> str:
    return f"{value:,}"
