//! What shells complete.

use super::options::{OPTIONS, OptionArgument, Spec};

pub(crate) fn bash() -> String {
    let names: Vec<_> = OPTIONS.iter().map(|spec| spec.name).collect();
    let words = |spec: &Spec| match spec.argument {
        OptionArgument::Word(_, words) => words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" "),
        OptionArgument::Flag | OptionArgument::Text(_) | OptionArgument::File(_) => String::new(),
    };
    let cases: Vec<_> = OPTIONS
        .iter()
        .filter_map(|spec| match spec.argument {
            OptionArgument::Word(..) => Some(format!(
                "    -{0} | --{0})\n        COMPREPLY=($(compgen -W '{1}' -- \"$word\"))\n        return\n        ;;\n",
                spec.name,
                words(spec)
            )),
            OptionArgument::File(_) => Some(format!(
                "    -{0} | --{0})\n        \
                 COMPREPLY=($(compgen -f -- \"$word\"))\n        return\n        ;;\n",
                spec.name
            )),
            OptionArgument::Text(_) => Some(format!("    -{0} | --{0}) return ;;\n", spec.name)),
            OptionArgument::Flag => None,
        })
        .collect();
    format!(
        "# Made by the program documents from the table of options.\n\
         _sops_install_secrets() {{\n    \
         local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} dash\n    \
         # `=` is a word of its own.\n    \
         if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD - 2]}}; fi\n    \
         case $before in\n{}    esac\n    \
         if [[ $word == -* ]]; then\n        \
         dash=-\n        \
         if [[ $word == --* ]]; then dash=--; fi\n        \
         COMPREPLY=($(compgen -P \"$dash\" -W '{}' -- \"${{word#\"$dash\"}}\"))\n    \
         else\n        \
         COMPREPLY=($(compgen -f -- \"$word\"))\n    \
         fi\n\
         }}\n\
         complete -o filenames -F _sops_install_secrets sops-install-secrets\n",
        cases.concat(),
        names.join(" ")
    )
}

pub(crate) fn zsh() -> String {
    let quoted = |text: &str| text.replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
    let lines: Vec<_> = OPTIONS
        .iter()
        .map(|spec| {
            let rest = match spec.argument {
                OptionArgument::Flag => String::new(),
                OptionArgument::Word(value, words) => {
                    let words: Vec<_> =
                        words.iter().map(|(word, meaning)| format!("{word}\\:\"{}\"", quoted(meaning))).collect();
                    format!(":{value}:(({}))", words.join(" "))
                }
                OptionArgument::Text(value) => format!(":{value}:"),
                OptionArgument::File(value) => format!(":{value}:_files"),
            };
            let star =
                if matches!(spec.argument, OptionArgument::Text(_) | OptionArgument::File(_)) { "*" } else { "" };
            let equals = if matches!(spec.argument, OptionArgument::Flag) { "" } else { "=" };
            format!("    '{star}-{}{equals}[{}]{rest}' \\\n", spec.name, quoted(spec.summary))
        })
        .collect();
    format!(
        "#compdef sops-install-secrets\n# Made by the program documents from the table of options.\n_arguments \\\n{}    \
         '1:manifest:_files -g \"*.json\"'\n",
        lines.concat()
    )
}

pub(crate) fn fish() -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let lines: Vec<_> = OPTIONS
        .iter()
        .map(|spec| {
            let rest = match spec.argument {
                OptionArgument::Flag => String::new(),
                OptionArgument::Word(_, words) => {
                    let words: Vec<_> = words.iter().map(|(word, meaning)| format!("{word}\\t\"{meaning}\"")).collect();
                    format!(" -x -a '{}'", words.join(" "))
                }
                OptionArgument::Text(_) => " -x".to_owned(),
                OptionArgument::File(_) => " -r -F".to_owned(),
            };
            format!("complete -c sops-install-secrets -o {0} -l {0} -d '{1}'{rest}\n", spec.name, quoted(spec.summary))
        })
        .collect();
    format!("# Made by the program documents from the table of options.\n{}", lines.concat())
}
