"""``mt config``: see, check and learn what a recipe may hold."""

import json
from pathlib import Path
from typing import Annotated

import typer

from mt.cli.command import Command
from mt.cli.options import JsonOption, OverridesOption
from mt.errors import BundleError, ConfigError, DataError, TrainingError

app = typer.Typer(no_args_is_help=True, help="Show, check and explain recipes.")


@app.command(cls=Command)
def show(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A recipe in YAML.")],
    overrides: OverridesOption = None,
) -> None:
    """Print a recipe with every default filled in."""
    from mt.training.recipe import load_recipe

    typer.echo(load_recipe(config, overrides or ()).to_yaml(), nl=False)


@app.command(cls=Command)
def check(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG", help="Recipes in YAML.")],
    overrides: OverridesOption = None,
) -> None:
    """Say for each recipe everything that is wrong, in it and in the corpora it names.

    Corpora are read once, to their ends; those of the hub are fetched if they are not here yet.
    """
    from mt.training.recipe import load_recipe
    from mt.training.teachers import find_teachers

    errors: list[str] = []
    for path in configs:
        try:
            recipe = load_recipe(path, overrides or ())
            find_teachers(recipe)
            recipe.data.check()
        except (ConfigError, BundleError) as error:
            errors.append(str(error))
        except TrainingError as error:
            errors.append(f"{path}: {error}")
        except DataError as error:
            errors += (f"{path}: {line}" for line in str(error).splitlines())
        else:
            typer.echo(f"{path}: OK")
    if errors:
        raise ConfigError("\n".join(errors))


@app.command(cls=Command)
def schema(as_json: JsonOption = False) -> None:
    """Explain every key: its type, its default and what it is for."""
    from mt.cli.recipe_template import describe, recipe_template
    from mt.training.recipe import RecipeConfig

    describe(RecipeConfig)
    if as_json:
        typer.echo(json.dumps(RecipeConfig.model_json_schema(), indent=2, ensure_ascii=False))
    else:
        typer.echo(recipe_template(RecipeConfig), nl=False)
