# A key on a file system of the first stage, and one on a late file system that no user waits for.
{
  services.userborn.enable = true;
  fileSystems."/" = { };
  fileSystems."/persist".neededForBoot = true;
  fileSystems."/var" = { };
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.sshKeyPaths = [
    "/persist/ssh_host_ed25519_key"
    "/var/lib/key"
  ];
  sops.secrets.password.neededForUsers = true;
}
