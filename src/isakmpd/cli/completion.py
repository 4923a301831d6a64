"""Write the completion of isakmpctl's command line for bash and zsh.

Connections are asked from the daemon, which is given a second, and whose silence is ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from isakmpd.cli.control_commands import COMMANDS, GLOBAL_OPTIONS, Argument, Subcommand


def script(shell: str) -> str:
    """Write the script for ``bash`` or ``zsh``."""
    return {"bash": _bash, "zsh": _zsh}[shell]()


def _options(arguments: Iterable[Argument]) -> list[Argument]:
    return [one for one in arguments if one.is_option]


def _positional(arguments: Iterable[Argument]) -> list[Argument]:
    return [one for one in arguments if not one.is_option]


_BASH = """\
# bash completion for isakmpctl(8); isakmpctl completion bash prints it.

_isakmpctl_connections() {
    command isakmpctl "$@" --timeout 1 status --brief 2>/dev/null </dev/null |
        cut -d ' ' -f 1 | grep -vx -e - -e '.*%.*'
}

_isakmpctl() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command='' kind='' place=0 index word value
    local -a reach=() words=()
    # bash makes words of the = in --run-dir=DIR.
    [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
    [[ $current == = ]] && before=${COMP_WORDS[COMP_CWORD - 1]} current=''
    for ((index = 1; index < COMP_CWORD; index++)); do
        word=${COMP_WORDS[index]}
        case $word in
        @VALUED@)
            value=${COMP_WORDS[++index]-}
            [[ $value == = ]] && value=${COMP_WORDS[++index]-}
            [[ -z $command ]] && reach+=("$word" "$value")
            ;;
        -?*) ;;
        *) if [[ -z $command ]]; then command=$word; else ((place += 1)); fi ;;
        esac
    done
    case $before in
@VALUES@
    *)
        case $command:$place:$current in
        :*:-*) words=(@GLOBAL@) ;;
        :*) words=(@COMMANDS@) ;;
@ARGUMENTS@
        esac
        ;;
    esac
    case $kind in
    connection) mapfile -t words < <(_isakmpctl_connections "${reach[@]}") ;;
    file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    directory) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
    esac
    COMPREPLY=()
    for word in "${words[@]}"; do
        [[ $word == "$current"* ]] && COMPREPLY+=("$(printf %q "$word")")
    done
}

complete -F _isakmpctl isakmpctl
"""


def _bash() -> str:
    options = {
        word: option
        for one in (GLOBAL_OPTIONS, *(command.arguments for command in COMMANDS))
        for option in _options(one)
        for word in option.words
        if option.takes_value
    }
    values = [f"    {word}) {_bash_choice(option)} ;;" for word, option in options.items()]
    arguments = [line for command in COMMANDS for line in _bash_arguments(command)]
    return (
        _BASH.replace("@VALUED@", " | ".join(options))
        .replace("@VALUES@", "\n".join(values))
        .replace("@GLOBAL@", _words(GLOBAL_OPTIONS))
        .replace("@COMMANDS@", " ".join(command.name for command in COMMANDS))
        .replace("@ARGUMENTS@", "\n".join(arguments))
    )


def _words(options: Iterable[Argument]) -> str:
    return " ".join([*(word for one in options for word in one.words), "--help"])


def _bash_arguments(command: Subcommand) -> Iterator[str]:
    yield f"        {command.name}:*:-*) words=({_words(_options(command.arguments))}) ;;"
    for place, argument in enumerate(_positional(command.arguments)):
        choice = _bash_choice(argument)
        if choice != ":":
            yield f"        {command.name}:{place}:*) {choice} ;;"


def _bash_choice(argument: Argument) -> str:
    if isinstance(argument.completes, str):
        return f"kind={argument.completes}"
    return f"words=({' '.join(argument.completes)})" if argument.completes else ":"


_ZSH = """\
#compdef isakmpctl
# zsh completion for isakmpctl(8); isakmpctl completion zsh prints it.

_isakmpctl_connections() {
    local -a names
    names=(${(f)"$(command isakmpctl $reach --timeout 1 status --brief 2>/dev/null </dev/null |
        cut -d ' ' -f 1 | grep -vx -e - -e '.*%.*')"})
    compadd -a names
}

_isakmpctl() {
    local curcontext=$curcontext state line option
    local -a reach commands
    typeset -A opt_args
    commands=(
@COMMANDS@
    )
    _arguments -C \\
@GLOBAL@
        '1:command:->command' '*::argument:->argument' && return
    case $state in
    command) _describe command commands ;;
    argument)
        for option in @REACH@; do
            (( $+opt_args[$option] )) && reach+=($option ${(Q)opt_args[$option]})
        done
        case $line[1] in
@ARGUMENTS@
        esac
        ;;
    esac
}

_isakmpctl "$@"
"""


def _zsh() -> str:
    commands = (f"        {_quoted(f'{one.name}:{one.help}')}" for one in COMMANDS)
    reach = (word for one in GLOBAL_OPTIONS for word in one.words)
    arguments = (
        f"        {one.name}) _arguments {' '.join(_zsh_arguments(one.arguments))} ;;"
        for one in COMMANDS
    )
    everywhere = (f"        {one} \\" for one in _zsh_arguments(GLOBAL_OPTIONS))
    return (
        _ZSH.replace("@COMMANDS@", "\n".join(commands))
        .replace("@GLOBAL@", "\n".join(everywhere))
        .replace("@REACH@", " ".join(reach))
        .replace("@ARGUMENTS@", "\n".join(arguments))
    )


def _zsh_arguments(arguments: Iterable[Argument]) -> Iterator[str]:
    for option in [*_options(arguments), _HELP]:
        value = f"=[{_escaped(option.help)}]:{_zsh_choice(option)}"
        yield _quoted(
            option.words[0] + (value if option.takes_value else f"[{_escaped(option.help)}]")
        )
    for place, argument in enumerate(_positional(arguments), 1):
        yield _quoted(f"{place}:{_zsh_choice(argument)}")


_HELP = Argument(("--help",), "show the help", how={"action": "help"})


def _zsh_choice(argument: Argument) -> str:
    match argument.completes:
        case "connection":
            action = "_isakmpctl_connections"
        case "file":
            action = "_files"
        case "directory":
            action = "_files -/"
        case [*words] if words:
            action = f"({' '.join(words)})"
        case _:
            action = " "
    return f"{_escaped(argument.help)}:{action}"


def _escaped(text: str) -> str:
    return "".join(f"\\{one}" if one in "[]:\\" else one for one in text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
