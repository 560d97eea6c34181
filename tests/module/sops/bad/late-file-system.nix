# error: sops.age.keyFile has /persist/keys/key.txt, which is on fileSystems."/persist", and that is mounted after users are created, but sops.secrets.password.neededForUsers needs the key before; set fileSystems."/persist".neededForBoot = true.
# error: sops.age.sshKeyPaths has /persist/deeper/ssh_host_ed25519_key, which is on fileSystems."/persist/deeper"
{
  services.userborn.enable = true;
  fileSystems."/" = { };
  fileSystems."/persist" = { };
  fileSystems."/persist/deeper" = { };
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = "/persist/keys/key.txt";
  sops.age.sshKeyPaths = [
    "/persist/deeper/ssh_host_ed25519_key"
  ];
  sops.secrets.password.neededForUsers = true;
}
