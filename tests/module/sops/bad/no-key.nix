# error: sops.secrets is set, but there is no key to decrypt with; set sops.age.keyFile, sops.age.sshKeyPaths or sops.gnupg.home
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
}
