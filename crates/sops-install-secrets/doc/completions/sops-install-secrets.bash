# Made by the program documents from the table of options.
_sops_install_secrets() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} dash
    # `=` is a word of its own.
    if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${COMP_WORDS[COMP_CWORD - 2]}; fi
    case $before in
    -check-mode | --check-mode)
        COMPREPLY=($(compgen -W 'manifest sopsfile recipients off' -- "$word"))
        return
        ;;
    -recipient | --recipient) return ;;
    -recipient-file | --recipient-file)
        COMPREPLY=($(compgen -f -- "$word"))
        return
        ;;
    -pre-switch | --pre-switch) return ;;
    -system | --system)
        COMPREPLY=($(compgen -f -- "$word"))
        return
        ;;
    esac
    if [[ $word == -* ]]; then
        dash=-
        if [[ $word == --* ]]; then dash=--; fi
        COMPREPLY=($(compgen -P "$dash" -W 'check-mode recipient recipient-file pre-switch system dry-run verify status all recipients remove json ignore-passwd help version' -- "${word#"$dash"}"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}
complete -o filenames -F _sops_install_secrets sops-install-secrets
