# Made by the program documents from the table of options.
complete -c sops-install-secrets -o check-mode -l check-mode -d 'check without installing and without any private key' -x -a 'manifest\t"only the manifest itself" sopsfile\t"also that each sops file has what is asked for" recipients\t"also that each host named can open each sops file" off\t"install, which is the default"'
complete -c sops-install-secrets -o recipient -l recipient -d 'a host for -check-mode=recipients' -x
complete -c sops-install-secrets -o recipient-file -l recipient-file -d 'the same from a file such as ssh_host_ed25519_key.pub' -r -F
complete -c sops-install-secrets -o pre-switch -l pre-switch -d 'decrypt in memory before a switch, and refuse it if that fails' -x
complete -c sops-install-secrets -o system -l system -d 'the system that is switched to, for -pre-switch' -r -F
complete -c sops-install-secrets -o dry-run -l dry-run -d 'decrypt, and say what would change, but change nothing'
complete -c sops-install-secrets -o verify -l verify -d 'decrypt, and fail if what is installed differs from it'
complete -c sops-install-secrets -o status -l status -d 'show what is installed, and where that is not as MANIFEST says'
complete -c sops-install-secrets -o all -l all -d 'show every line of a long table, for -status'
complete -c sops-install-secrets -o recipients -l recipients -d 'print what to encrypt to, as it goes into .sops.yaml'
complete -c sops-install-secrets -o remove -l remove -d 'take away everything that was installed'
complete -c sops-install-secrets -o json -l json -d 'print one report in JSON on standard output'
complete -c sops-install-secrets -o ignore-passwd -l ignore-passwd -d 'look up no owner and no group: all belongs to root'
complete -c sops-install-secrets -o help -l help -d 'print this help'
complete -c sops-install-secrets -o version -l version -d 'print the version'
