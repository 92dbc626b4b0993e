"""The command ``farm completion``: what a shell needs to complete ``farm`` and its options."""

import os
from typing import ClassVar

import click
from click.shell_completion import (
    CompletionItem,
    ShellComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

_VARIABLE = "_FARM_COMPLETE"
"""click answers for the shell named in it, where the command is called ``farm``."""
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName %(prog_name)s -ScriptBlock {
    param($word, $line, $position)
    $env:COMP_WORDS = $line.ToString()
    $env:COMP_WORD = $word
    $env:%(complete_var)s = "powershell_complete"
    $result = "System.Management.Automation.CompletionResult"
    %(prog_name)s | ForEach-Object {
        $type, $value, $help = $_ -split "`t", 3
        if (-not $help) { $help = $value }
        New-Object $result $value, $value, "ParameterValue", $help
    }
    $env:COMP_WORDS = $env:COMP_WORD = $env:%(complete_var)s = $null
}
"""


class _PowerShell(ShellComplete):
    """Completion for PowerShell, which click does not have itself."""

    name: ClassVar[str] = "powershell"
    source_template: ClassVar[str] = _POWERSHELL

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one that is being written, and that one."""
        environment = os.environ  # noqa: TID251 - the shell's own way to tell
        words = split_arg_string(environment.get("COMP_WORDS", ""))[1:]
        word = environment.get("COMP_WORD", "")
        return (words[:-1] if word and words[-1:] == [word] else words), word

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return what the script takes apart."""
        return f"{item.type}\t{item.value}\t{item.help or ''}"


add_completion_class(_PowerShell)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish", "powershell"]))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> None:
    """Print the script with which a SHELL completes this command.

    For bash: eval "$(farm completion bash)", in ~/.bashrc; for zsh the same, in
    ~/.zshrc; for fish: farm completion fish | source; for PowerShell, in $PROFILE:
    farm completion powershell | Out-String | Invoke-Expression
    """
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    completer = made(ctx.find_root().command, {}, "farm", _VARIABLE)
    # Of the class itself: bash's own would first start a bash, to ask for its version.
    click.echo(ShellComplete.source(completer))
