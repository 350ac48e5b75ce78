"""How every command parses its arguments and reports failures."""

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from mt.cli.failures import report_failures


class CommandGroup(TyperGroup):
    """The group of all commands; it reports failures as lines instead of tracebacks."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the arguments, run the command and leave with its exit code."""
        with report_failures(debug=False):
            return super().main(*args, **kwargs)

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the arguments that stand before the command."""
        with report_failures(debug=False):
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the parsed arguments name."""
        with report_failures(debug=ctx.params["debug"]):
            return super().invoke(ctx)


class Command(TyperCommand):
    """A command that refuses an option given twice where the second would win in silence."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments after the command."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for parameter, count in Counter(order).items():
            is_flag = getattr(parameter, "is_flag", False)
            if count > 1 and not parameter.multiple and not is_flag:
                name = max(parameter.opts, key=len)
                raise typer.BadParameter(
                    f"expected it once, but it was given {count} times", ctx=ctx, param_hint=name
                )
        return super().parse_args(ctx, args)
