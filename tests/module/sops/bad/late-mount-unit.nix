# error: sops.age.sshKeyPaths has /persist/ssh_host_ed25519_key, which is on a mount unit for /persist, and that is mounted after users are created, but sops.secrets.password.neededForUsers needs the key before; set services.userborn.enable = true
{
  fileSystems."/" = { };
  systemd.mounts = [
    {
      where = "/persist";
      what = "/dev/vdb";
      unitConfig.DefaultDependencies = false;
    }
  ];
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.sshKeyPaths = [ "/persist/ssh_host_ed25519_key" ];
  sops.secrets.password.neededForUsers = true;
}
