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
        --run-dir | --fifo | --timeout | --wait)
            value=${COMP_WORDS[++index]-}
            [[ $value == = ]] && value=${COMP_WORDS[++index]-}
            [[ -z $command ]] && reach+=("$word" "$value")
            ;;
        -?*) ;;
        *) if [[ -z $command ]]; then command=$word; else ((place += 1)); fi ;;
        esac
    done
    case $before in
    --run-dir) kind=directory ;;
    --fifo) kind=file ;;
    --timeout) : ;;
    --wait) : ;;
    *)
        case $command:$place:$current in
        :*:-*) words=(--run-dir --fifo --timeout --help) ;;
        :*) words=(status watch up down reload get set add rm log capture report active passive stop completion) ;;
        status:*:-*) words=(--brief --json --help) ;;
        status:0:*) kind=connection ;;
        watch:*:-*) words=(--help) ;;
        up:*:-*) words=(--no-wait --wait --help) ;;
        up:0:*) kind=connection ;;
        down:*:-*) words=(--all --no-wait --wait --help) ;;
        down:0:*) kind=connection ;;
        reload:*:-*) words=(--help) ;;
        get:*:-*) words=(--help) ;;
        set:*:-*) words=(--force --help) ;;
        add:*:-*) words=(--help) ;;
        rm:*:-*) words=(--help) ;;
        log:*:-*) words=(--help) ;;
        log:0:*) words=(misc transport message crypto timer sysdep sa exchange negotiation policy ui all toggle) ;;
        capture:*:-*) words=(--help) ;;
        capture:0:*) words=(on off) ;;
        capture:1:*) kind=file ;;
        report:*:-*) words=(--help) ;;
        active:*:-*) words=(--help) ;;
        passive:*:-*) words=(--help) ;;
        stop:*:-*) words=(--no-wait --wait --help) ;;
        completion:*:-*) words=(--help) ;;
        completion:0:*) words=(bash zsh) ;;
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
