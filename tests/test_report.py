"""The report: the numbers of the evaluation, hostile text made harmless, one file that needs no network, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from spanwright.document import Document, Span
from spanwright.errors import DataError, FormatError
from spanwright.report import plots, write_report
from spanwright.report.summary import gather
from spanwright.scoring import evaluate_documents

HOSTILE = r"<script>alert(1)</script>&$\frac$"


def results(folder: Path, label: str = "TAXA", groups: int = 3) -> Path:
    """A results folder of one evaluation in which half of the gold is found."""
    text = "Pinus and Betula"
    gold = [Document(f"d{n}", text, (Span(0, 5, label), Span(10, 16, label))) for n in range(groups)]
    found = [document.with_spans((Span(0, 5, label),)) for document in gold]
    evaluation = evaluate_documents(gold, found, resamples=200)
    target = folder / "results" / "model_test"
    target.mkdir(parents=True)
    data = {"name": "model", "part": "test", **evaluation.to_dict()}
    (target / "evaluation.json").write_text(json.dumps(data), encoding="utf-8")
    return folder / "results"


def cells(page: str, table: str) -> list[list[str]]:
    """Rows of a table, without the small print."""
    body = page.split(f'data-test-table="{table}"')[1].split("</table>")[0]
    rows = re.findall(r"<tr.*?</tr>", re.sub(r"<small>.*?</small>", "", body, flags=re.DOTALL), flags=re.DOTALL)
    return [
        [re.sub(r"<.*?>", "", cell).strip() for cell in re.findall(r"<t[dh].*?</t[dh]>", row, re.DOTALL)]
        for row in rows
    ]


def test_the_tables_show_the_numbers_of_the_evaluation(tmp_path: Path) -> None:
    write_report(results(tmp_path), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    rows = cells(page, "test-strict")
    assert rows[1] == ["TAXA", "1.000", "0.500", "0.667", "6", "3", "0", "3"]
    assert rows[2][0] == "all labels"
    assert cells(page, "parts")[1] == ["model on test", "3", "6", *["1.000", "0.500", "0.667"] * 2]


def test_few_groups_are_pointed_out(tmp_path: Path) -> None:
    write_report(results(tmp_path / "few"), tmp_path / "few.html")
    write_report(results(tmp_path / "many", groups=30), tmp_path / "many.html")
    assert 'data-test="few-groups"' in (tmp_path / "few.html").read_text()
    assert 'data-test="few-groups"' not in (tmp_path / "many.html").read_text()


def test_hostile_labels_are_text_everywhere(tmp_path: Path) -> None:
    write_report(results(tmp_path, label=HOSTILE), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    write_report(results(tmp_path), tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"""(?:src|href)\s*=\s*["'](?!#)[^"']*""", page) == []
    assert "@import" not in page
    assert "url(http" not in page


def test_figures_have_real_text(tmp_path: Path) -> None:
    [evaluation] = [part.numbers for part in gather(results(tmp_path)).parts]
    drawn = plots.svg(plots.by_label(evaluation))
    assert "TAXA (6)" in drawn
    assert drawn.startswith("<svg")
    plots.draw_evaluation(evaluation, tmp_path / "plots")
    assert (tmp_path / "plots" / "by_label.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("count", [1, 30])
def test_figures_grow_with_the_number_of_labels(count: int) -> None:
    labels = [f"LABEL_{number}" for number in range(count)]
    figure = plots.labels_per_part({"train": dict.fromkeys(labels, 5), "test": dict.fromkeys(labels, 1)})
    assert figure.get_size_inches()[1] > 0.4 * count


def test_what_run_left_is_on_the_page(small_run: Path) -> None:
    page = (small_run / "report.html").read_text(encoding="utf-8")
    tally = json.loads((small_run / "import.tally.json").read_text())
    rows = {tuple(row[:2]): row for row in cells(page, "tallies")}
    assert rows["import", "region"][2:4] == [f"{tally['in']:,}", f"{tally['used']:,}"]
    assert "superseded-annotation" in rows["import", "region"][5]
    assert {"split", "train"} <= {row[0] for row in cells(page, "tallies")}
    assert "builtin:minilm" in page
    assert page.count("<svg") == 5


def test_without_an_evaluation_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="spanwright evaluate"):
        write_report(tmp_path, tmp_path / "report.html")


def test_a_broken_evaluation_is_named(tmp_path: Path) -> None:
    folder = results(tmp_path)
    (folder / "model_test" / "evaluation.json").write_text("{", encoding="utf-8")
    with pytest.raises(FormatError, match=r"evaluation\.json"):
        write_report(folder, tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed (Debian package chromium)")
def test_a_browser_shows_the_report_without_errors(small_run: Path, tmp_path: Path) -> None:
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
        f"--user-data-dir={tmp_path}/profile", "--virtual-time-budget=2000", "--dump-dom",
        (small_run / "report.html").resolve().as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr
    assert done.stdout.count("</svg>") == 5
    assert 'data-test-card="strict"' in done.stdout
