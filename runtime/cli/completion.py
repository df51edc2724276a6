"""Completes the words of `quince` in a shell: the script asks, and the command's parser answers.

So the parsers are the only list of words, on a workstation as on a device.
"""

import argparse
from collections.abc import Iterable, Sequence

VARIABLE = "QUINCE_COMPLETE"
"""Set where a shell asks what may follow a command line, to the part of a word typed so far."""

SCRIPTS = {
    "bash": """_quince() {
    local IFS=$'\\n' typed="${COMP_WORDS[COMP_CWORD]}"
    local offered="$(QUINCE_COMPLETE="$typed" "${COMP_WORDS[@]:0:COMP_CWORD}" 2>/dev/null)"
    COMPREPLY=($(compgen -W "$(cut -f1 <<<"$offered")" -- "$typed"))
}
complete -o default -F _quince quince
""",
    "zsh": """#compdef quince
_quince() {
    local -a offered
    offered=(${(f)"$(QUINCE_COMPLETE="$words[CURRENT]" "${(@)words[1,CURRENT-1]}" 2>/dev/null)"})
    offered=(${offered//:/\\\\:})
    offered=(${offered/$'\\t'/:})
    (( $#offered )) && _describe quince offered || _files
}
compdef _quince quince
""",
}


def offer(words: Iterable[tuple[str, str | None]]) -> None:
    """Prints words, each with its help, one a line."""
    for word, help_text in words:
        print(word, " ".join((help_text or "").split()), sep="\t")


def next_words(
    parser: argparse.ArgumentParser, words: Sequence[str], typed: str
) -> list[tuple[str, str | None]]:
    """Returns what may follow `words`, with help; nothing where a file or a free value does.

    Args:
        parser: of the command.
        words: before the one that the user types.
        typed: the beginning of that word; options are offered after a dash only.
    """
    shown = [action for action in parser._actions if action.help != argparse.SUPPRESS]
    options = [action for action in shown if action.option_strings]
    positional = parser._get_positional_actions()
    for action in positional:
        if isinstance(action, argparse._SubParsersAction):
            for index, word in enumerate(words):
                if word in action.choices:
                    return next_words(action.choices[word], words[index + 1 :], typed)
    before = parser._option_string_actions.get(words[-1]) if words else None  # or an earlier name
    if before and before.nargs != 0:
        return _choices(before)
    if typed.startswith("-"):
        return [(name, action.help) for action in options for name in action.option_strings]
    return [choice for action in positional for choice in _choices(action)]


def _choices(action: argparse.Action) -> list[tuple[str, str | None]]:
    if isinstance(action, argparse._SubParsersAction):
        return [(choice.dest, choice.help) for choice in action._choices_actions]
    return [(str(choice), "") for choice in action.choices or ()]
