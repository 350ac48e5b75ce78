"""``mt shortlist``: make a model faster by naming the words that may translate each word."""

from pathlib import Path
from typing import Annotated

import typer

from mt.cli.options import OverridesOption


def shortlist(
    model: Annotated[Path, typer.Argument(help="A run or a bundle.")],
    overrides: OverridesOption = None,
) -> None:
    """Learn a model's shortlist: the tokens that may translate each token of a source.

    It is learnt from the training pairs of the model's recipe, and used from then on if that costs
    hardly any BLEU on the validation pairs. Training does this at its end.
    """
    from mt.bundle import load_bundle
    from mt.config import apply_overrides
    from mt.data.mixture import prepare
    from mt.logs import start_logging
    from mt.training.recipe import RecipeConfig
    from mt.translation.shortlist import add_shortlist

    start_logging()
    config, tokenizers = load_bundle(model, lambda found: (found.config, found.tokenizers()))
    recipe = RecipeConfig.parse(apply_overrides(config, overrides or ()), where=str(model))
    data = recipe.data
    pairs = prepare(data.train, tokenizers, data.store, data.train_selections())
    held_out = prepare(data.validation, tokenizers, data.store, data.validation_selections())
    validation = list(held_out.texts(data.validation))
    cost = add_shortlist(model, pairs, validation, recipe.seed)
    if cost is not None:
        use = "is used from now on"
        if recipe.translation.shortlist == "never":
            use = "was learnt, and is used by --set shortlist=auto, as the recipe says never"
        typer.echo(f"{model}: a shortlist {use}; it costs {cost:.2f} BLEU")
