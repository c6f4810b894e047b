"""The program: its name, its version, and what it prints without a command."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperArgument, TyperCommand

from argocd_istio import __version__
from argocd_istio.cli import CODES

CommandFunction = TypeVar("CommandFunction", bound=Callable[..., Any])


class Command(TyperCommand):
    """A command whose help shows plain argument names: DIR, not {DIR} or DIR <str>."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The parts after the command's name in the usage line."""
        pieces = ["[OPTIONS]"]
        for param, name in self._arguments():
            pieces.append((name if param.required else f"[{name}]") + ("..." if param.nargs != 1 else ""))
        return pieces

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The arguments and the options, each with its help."""
        arguments = [(name, (param.get_help_record(ctx) or ("", ""))[1]) for param, name in self._arguments()]
        options = [
            record
            for param in self.get_params(ctx)
            if param.param_type_name == "option" and (record := param.get_help_record(ctx))
        ]
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def _arguments(self) -> list[tuple[Any, str]]:
        """Each argument and its name."""
        return [(param, str(param.metavar)) for param in self.params if isinstance(param, TyperArgument)]


class App(typer.Typer):
    """A program or a group of commands."""

    def command(self, name: str | None = None, **more: Any) -> Callable[[CommandFunction], CommandFunction]:
        """The decorator of a command."""
        return super().command(name, cls=Command, **more)


def _codes() -> str:
    """The table of exit codes, for --help."""
    lines = ["Exit codes:"]
    for code, meaning in CODES.items():
        lines += textwrap.wrap(meaning.replace("`", ""), 76, initial_indent=f"  {code:<9}", subsequent_indent=" " * 11)
    return "\b\n" + "\n".join(lines)


app = App(
    epilog=_codes(),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"max_content_width": 80, "help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"argocd-istio {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Argo CD behind an Istio gateway, with Kustomize.

    Write a consumer, change it, check it, and see what it does. A consumer is a folder with two files,
    kustomization.yaml and exposure.yaml.

    \b
    argocd-istio init cd --mode grpc-routing --host cd.acme.io
    """
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit(2)
