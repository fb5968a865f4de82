"""The commands. Library modules are imported inside them, so that `--help` and the light commands start fast."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from spanwright.pipeline import RunResult

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a setting for once, such as train.epochs=3; may be repeated."
    ),
]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="A spanwright.toml; the defaults without it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is at the output.")]
GroupKey = Annotated[
    str, typer.Option(metavar="KEY", help="Key that names the article a chunk came from, such as gdd_id.")
]
TextKey = Annotated[str, typer.Option(metavar="KEY", help="Key of the task data that holds the text.")]
Name = Annotated[str, typer.Option(metavar="NAME", help="What to call the model in the results.")]

app = typer.Typer(
    name="spanwright",
    help="From Label Studio annotations to a trained, honestly measured entity tagger.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(asked: bool) -> None:
    """Print the version and leave."""
    if asked:
        from spanwright import __version__

        typer.echo(f"spanwright {__version__}")
        raise typer.Exit


@app.callback()
def everywhere(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """From Label Studio annotations to a trained, honestly measured entity tagger."""
    from spanwright.config import load_environment

    load_environment()


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for everything.")] = Path("demo"),
    set_: Set = None,
    json_: Json = False,
) -> None:
    """The whole path on the sample annotations, offline, on a CPU, in a few minutes.

    Example: spanwright demo -o demo
    """
    from spanwright import pipeline
    from spanwright.cli.console import ConsoleReporter

    _show_run(pipeline.demo(output, set_ or [], ConsoleReporter()), json_)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to write spanwright.toml.")] = Path(),
    overwrite: Overwrite = False,
) -> None:
    """Write a commented spanwright.toml.

    Example: spanwright init
    """
    from spanwright import config

    typer.echo(f"Written: {config.write_initial(folder, overwrite)}. Set import.sources, then: spanwright run")


@app.command()
def run(
    settings: Annotated[Path, typer.Argument(help="The settings file.")] = Path("spanwright.toml"),
    set_: Set = None,
    json_: Json = False,
) -> None:
    """Import, split, train, evaluate and report from one file; goes on from where it stopped.

    Example: spanwright run spanwright.toml --set train.epochs=3
    """
    from spanwright import config, pipeline
    from spanwright.cli.console import ConsoleReporter

    _show_run(pipeline.run(config.load(settings, set_ or []), ConsoleReporter()), json_)


@app.command("import")
def import_(
    sources: Annotated[list[Path], typer.Argument(help="Label Studio files and folders.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The documents file to write.")] = Path(
        "documents.jsonl"
    ),
    group_key: GroupKey = "",
    text_key: TextKey = "",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out and count what cannot be read.")] = False,
    overwrite: Overwrite = False,
    json_: Json = False,
) -> None:
    """Read annotations of Label Studio and account for every region.

    Example: spanwright import export.json target_storage/ -o documents.jsonl
    """
    from spanwright import steps
    from spanwright.cli.console import ConsoleReporter, print_json

    result = steps.import_annotations(
        sources,
        output,
        group_key=group_key,
        text_key=text_key,
        skip_bad=skip_bad,
        overwrite=overwrite,
        reporter=ConsoleReporter(),
    )
    if json_:
        print_json(result.tally())


@app.command()
def split(
    documents: Annotated[Path, typer.Argument(help="A documents.jsonl.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the parts.")] = Path("data"),
    group_key: GroupKey = "",
    set_: Set = None,
    overwrite: Overwrite = False,
    json_: Json = False,
) -> None:
    """Divide documents into train, validation and test by article.

    Example: spanwright split documents.jsonl -o data/ --set split.seed=7
    """
    from spanwright import config, steps
    from spanwright.cli.console import ConsoleReporter, print_json

    settings = config.load(None, set_ or []).split
    made = steps.split_corpus(
        documents, output, settings, group_key=group_key, overwrite=overwrite, reporter=ConsoleReporter()
    )
    if json_:
        print_json(made.to_dict({"path": str(documents)}))


@app.command()
def train(
    data: Annotated[Path, typer.Argument(help="Folder with train.jsonl and validation.jsonl.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model folder to write.")] = Path("model"),
    base_model: Annotated[str, typer.Option(help="builtin:minilm, a folder or a Hub name.")] = "",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted training.")] = False,
    settings: SettingsFile = None,
    set_: Set = None,
    overwrite: Overwrite = False,
    json_: Json = False,
) -> None:
    """Fine-tune a model on the documents of a split.

    Example: spanwright train data/ -o model/ --set train.epochs=3
    """
    from spanwright import config, steps
    from spanwright.cli.console import ConsoleReporter, print_json

    overrides = [*([f"train.base_model={base_model}"] if base_model else []), *(set_ or [])]
    training = steps.train_model(
        data, output, config.load(settings, overrides), resume=resume, overwrite=overwrite, reporter=ConsoleReporter()
    )
    if json_:
        print_json({"model": str(output), **training.facts, "history": training.history})


@app.command()
def predict(
    model: Annotated[str, typer.Argument(help="A model folder or Hub name.")],
    inputs: Annotated[list[Path], typer.Argument(help="Text files, documents or Label Studio tasks; folders too.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The documents file to write.")] = Path(
        "predictions.jsonl"
    ),
    text_key: TextKey = "",
    set_: Set = None,
    overwrite: Overwrite = False,
    json_: Json = False,
) -> None:
    """Find spans in texts.

    Example: spanwright predict model/ texts/ -o predictions.jsonl
    """
    from spanwright import config, steps
    from spanwright.cli.console import ConsoleReporter, print_json
    from spanwright.formats.documents import to_dict

    settings = config.load(None, set_ or []).predict
    documents = steps.predict_files(
        model, inputs, output, settings, text_key=text_key, overwrite=overwrite, reporter=ConsoleReporter()
    )
    if json_:
        print_json([to_dict(document) for document in documents])


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="A model folder or Hub name.")],
    data: Annotated[Path, typer.Argument(help="A folder that `split` wrote, or one labelled documents file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")] = Path("results"),
    name: Name = "",
    set_: Set = None,
    overwrite: Overwrite = False,
    json_: Json = False,
) -> None:
    """Predict whole documents, score them, and write a report.

    Example: spanwright evaluate model/ data/ -o results/
    """
    from spanwright import config, steps
    from spanwright.cli.console import ConsoleReporter, print_evaluation, print_json

    settings = config.load(None, set_ or [])
    results = steps.evaluate_model(
        model,
        data,
        output,
        settings.evaluate,
        settings.predict,
        name=name,
        overwrite=overwrite,
        reporter=ConsoleReporter(),
    )
    for evaluation in results.values():
        print_evaluation(evaluation)
    if json_:
        print_json(results)


@app.command()
def score(
    gold: Annotated[Path, typer.Argument(help="Labelled documents.")],
    predicted: Annotated[Path, typer.Argument(help="The same documents with anyone's predictions.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results.")] = Path("results"),
    name: Name = "",
    set_: Set = None,
    overwrite: Overwrite = False,
    json_: Json = False,
) -> None:
    """Score predictions of any tool at character offsets.

    Example: spanwright score data/test.jsonl predictions.jsonl -o results/
    """
    from spanwright import config, steps
    from spanwright.cli.console import ConsoleReporter, print_evaluation, print_json

    settings = config.load(None, set_ or []).evaluate
    result = steps.score_files(
        gold, predicted, output, settings, name=name, overwrite=overwrite, reporter=ConsoleReporter()
    )
    print_evaluation(result)
    if json_:
        print_json(result)


def _show_run(result: RunResult, json_: bool) -> None:
    """The table of the most telling part, and where things are."""
    from spanwright.cli.console import print_evaluation, print_json, print_paths

    for part in ("test", "validation", "train"):
        if part in result.evaluations:
            print_evaluation(result.evaluations[part])
            break
    print_paths(report=result.report, model=result.model, log=result.folder / "log.txt")
    if json_:
        print_json(result.evaluations)
