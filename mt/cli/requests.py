"""What is asked of a model that translates, as options say it."""

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from mt.translation import TranslationConfig, Translator


def with_search(
    config: "TranslationConfig", beam: int | None, nbest: int | None
) -> "TranslationConfig":
    """Change how a model searches by what the options say; a beam holds all that is wanted.

    Raises:
        BadParameter: If a beam is asked for beside samples, or more of these than are drawn.
    """
    kept = config.search.kept
    if config.search.kind == "sampling" and (beam is not None or (nbest or 0) > kept):
        option = "--nbest" if beam is None else "--beam"
        raise typer.BadParameter(
            f"expected no more than the {kept} samples that are drawn, and no beam, but found "
            f"{beam or nbest}; set search.size, or leave out search.kind=sampling",
            param_hint=option,
        )
    if beam is None and nbest is not None and nbest > kept:
        beam = nbest
    if beam is not None:
        config = config.with_beam(beam)
    return config if nbest is None else config.changed(alternatives=nbest - 1)


def translation_request(translator: "Translator", config: "TranslationConfig") -> dict[str, Any]:
    """Describe the models, and how they translate, as far as that determines translations."""
    how = config.model_dump(mode="json", exclude={"engine"})
    return {"weights": list(translator.weights), "translation": how}
