"""Options that several commands share, so that they are spelled and explained once."""

from typing import Annotated

import typer

from mt.devices import DeviceName

DeviceOption = Annotated[
    DeviceName, typer.Option("--device", help="Where to compute; auto takes the fastest there is.")
]
OverridesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override one value, as in training.updates=1000."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
