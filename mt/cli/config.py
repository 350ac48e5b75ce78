"""``mt config``: see, check and learn what a recipe may hold."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mt.cli.command import Command
from mt.cli.options import JsonOption, OverridesOption
from mt.errors import ConfigError

app = typer.Typer(no_args_is_help=True, help="Show, check and explain recipes.")


@app.command(cls=Command)
def show(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A recipe in YAML.")],
    overrides: OverridesOption = None,
) -> None:
    """Print a recipe with every default filled in."""
    from mt.config import load
    from mt.training.recipe import RecipeConfig

    typer.echo(load(RecipeConfig, config, overrides or ()).to_yaml(), nl=False)


@app.command(cls=Command)
def check(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG", help="Recipes in YAML.")],
    overrides: OverridesOption = None,
) -> None:
    """Say for each recipe whether it is valid, and everything that is wrong."""
    from mt.config import load
    from mt.training.recipe import RecipeConfig

    errors = []
    for path in configs:
        try:
            load(RecipeConfig, path, overrides or ())
        except ConfigError as error:
            errors.append(str(error))
        else:
            typer.echo(f"{path}: OK")
    if errors:
        raise ConfigError("\n".join(errors))


@app.command(cls=Command)
def schema(as_json: JsonOption = False) -> None:
    """Explain every key: its type, its default and what it is for."""
    from mt.cli.recipe_template import recipe_template
    from mt.training.recipe import RecipeConfig

    if as_json:
        typer.echo(json.dumps(RecipeConfig.model_json_schema(), indent=2, ensure_ascii=False))
    else:
        typer.echo(recipe_template(RecipeConfig), nl=False)
