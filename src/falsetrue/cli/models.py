"""``falsetrue models``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falsetrue.cli.options import AsJson, Replace
from falsetrue.cli.output import print_json
from falsetrue.errors import MissingExtraError

if TYPE_CHECKING:
    from falsetrue.registry.folder import Listed

app = typer.Typer(help="The saved models.", no_args_is_help=True, rich_markup_mode=None)

Named = Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Nothing: the shipped one.")]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the shipped model and those in the models folder."""
    from falsetrue.registry.folder import list_models as find
    from falsetrue.registry.folder import read_listed, shipped_folder
    from falsetrue.settings import load_settings

    settings = load_settings()
    found = [read_listed(shipped_folder()), *find(settings.models_folder)]
    rows = [_row(listed, settings.state_folder) for listed in found]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        if "problem" in row:
            typer.echo(f"{row['folder']}: {row['problem']}")
        else:
            typer.echo(
                f"{row['name']}@{row['version']}  accuracy {row['accuracy']:.3f}  {row['served_by']}  {row['folder']}"
            )


def _row(listed: "Listed", state_folder: Path) -> dict[str, Any]:
    from falsetrue.bundle.manifest import ESTIMATOR
    from falsetrue.registry.trust import is_trusted

    manifest = listed.manifest
    if manifest is None:
        return {"folder": listed.folder, "problem": listed.problem}
    trusted = is_trusted(state_folder, manifest.files[ESTIMATOR].sha256)
    unpickled = "joblib, trusted" if trusted else "joblib, not trusted: cannot be served"
    return {
        "name": manifest.name,
        "version": manifest.version,
        "accuracy": manifest.metrics.accuracy.value,
        "served_by": "compiled scorer" if manifest.compiled else unpickled,
        "folder": listed.folder,
    }


@app.command()
def verify(
    model: Named = None,
    unpickle: Annotated[
        bool, typer.Option(help="Also load model_final.joblib and ask it, where the model is shipped or trusted.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Check every digest, and that scorer and pipeline answer the golden texts alike.

    model_final.joblib is a pickle, so it is only opened where the model is shipped, was trained
    here, or is trusted; the scorer is held against what the pipeline said when it was saved.
    """
    from falsetrue.settings import load_settings
    from falsetrue.wiring import verify_model

    checked = verify_model(load_settings(), model, unpickle=unpickle)
    if as_json:
        print_json(asdict(checked))
        return
    typer.echo(f"{checked.folder}: {checked.name}@{checked.version}")
    typer.echo(f"  {checked.files} files are what was saved")
    for what, difference in (
        ("scorer.safetensors", checked.scorer_difference),
        ("model_final.joblib", checked.estimator_difference),
    ):
        if difference is not None:
            typer.echo(f"  {what} answers {checked.golden_texts} golden texts; largest difference {difference:.1e}")
    if checked.estimator_difference is None:
        typer.echo("  model_final.joblib was not opened")


@app.command()
def trust(model: Annotated[str, typer.Argument(metavar="MODEL")], as_json: AsJson = False) -> None:
    """Allow this model's joblib file to be unpickled when it is served.

    Only for a model without a compiled scorer, and only if you know who made it: unpickling can
    run any code.
    """
    from falsetrue.settings import load_settings
    from falsetrue.wiring import trust_model

    manifest = trust_model(load_settings(), model)
    if as_json:
        print_json({"name": manifest.name, "version": manifest.version, "trusted": True})
        return
    typer.echo(f"{manifest.reference}: its model_final.joblib may be unpickled")


@app.command("compile")
def compile_model(
    pipeline: Annotated[Path, typer.Argument(metavar="PIPELINE", help="A scikit-learn pipeline saved with joblib.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The file to write, or a folder for scorer.safetensors.")
    ],
    trust: Annotated[
        bool, typer.Option("--trust", help="You know who made the file: opening it can run any code.")
    ] = False,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Turn a saved pipeline into a scorer that needs no scikit-learn and cannot run code.

    It is written only if it says what the pipeline says, to 1e-6 and with equal labels. What has no compiled form
    is named.
    """
    try:
        from falsetrue.jobs.compile import compile_file
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("falsetrue"):
            raise
        raise MissingExtraError("`falsetrue models compile`", "train") from error
    from falsetrue.settings import load_settings

    state_folder = load_settings().state_folder
    compiled = compile_file(pipeline, output, state_folder=state_folder, trust=trust, replace=replace)
    if as_json:
        print_json(asdict(compiled))
        return
    members = f"{compiled.head}, mean of {compiled.members}" if compiled.members > 1 else compiled.head
    typer.echo(f"{compiled.file}: {', '.join(compiled.parts)} ({members})")
    typer.echo(f"  {compiled.columns:,} columns, {compiled.bytes:,} bytes, format {compiled.format}")
    proved = f"{compiled.proved_on} texts; largest difference {compiled.difference:.1e}"
    typer.echo(f"  says what the pipeline says of {proved}")
    for note in compiled.notes:
        typer.echo(f"  {note}")


@app.command()
def card(model: Named = None) -> None:
    """Print the model card: what the model is for, what it learnt from, what it is worth and where it fails."""
    from falsetrue.bundle.folder import open_bundle
    from falsetrue.bundle.manifest import CARD
    from falsetrue.registry.folder import find_model
    from falsetrue.settings import load_settings

    bundle = open_bundle(find_model(model, load_settings().models_folder), keep=(CARD,))
    typer.echo(bundle.contents[CARD].decode(), nl=False)
