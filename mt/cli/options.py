"""Options that several commands share, so that they are spelled and explained once."""

from pathlib import Path
from typing import Annotated

import typer

from mt.devices import DeviceName, EngineName

DeviceOption = Annotated[
    DeviceName, typer.Option("--device", help="Where to compute; auto takes the fastest there is.")
]
OverridesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override one value, as in training.updates=1000."
    ),
]
ResumeOption = Annotated[
    bool, typer.Option("--resume", help="Go on with the output of an interrupted run.")
]
BeamOption = Annotated[
    int | None,
    typer.Option("--beam", min=1, help="Hypotheses kept per sentence. [default: the model's]"),
]
TagOption = Annotated[
    str | None,
    typer.Option("--tag", metavar="TAG", help="A tag of the model, put before lines without one."),
]
EnsembleOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--ensemble",
        metavar="MODEL",
        help="A model that translates together with it; repeatable.",
    ),
]
TranslationOverridesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a value of the model's section `translation`, as in "
        "search.kind=sampling; `mt config schema` has all.",
    ),
]
EngineOption = Annotated[
    EngineName | None,
    typer.Option("--engine", help="What computes. [default: the model's, mostly auto]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
