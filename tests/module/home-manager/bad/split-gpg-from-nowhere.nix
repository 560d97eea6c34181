# error: sops.gnupg.qubes-split-gpg.enable is set, but sops.gnupg.qubes-split-gpg.domain does not say which qube has the keys.
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.gnupg.qubes-split-gpg.enable = true;
  sops.secrets.password = { };
}
