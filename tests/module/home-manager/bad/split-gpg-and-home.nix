# error: sops.gnupg.qubes-split-gpg.enable is set, and sops.gnupg.home or sops.gnupg.sshKeyPaths too; remove one of them.
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.gnupg.home = "/home/alice/.gnupg";
  sops.gnupg.qubes-split-gpg.enable = true;
  sops.gnupg.qubes-split-gpg.domain = "vault-gpg";
  sops.secrets.password = { };
}
