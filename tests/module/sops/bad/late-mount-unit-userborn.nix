# error: which is on a mount unit for /persist, and that is mounted after users are created
# error: set unitConfig.DefaultDependencies = false in that unit of systemd.mounts
{
  services.userborn.enable = true;
  systemd.mounts = [
    {
      where = "/persist";
      what = "/dev/vdb";
    }
  ];
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.sshKeyPaths = [ "/persist/ssh_host_ed25519_key" ];
  sops.secrets.password.neededForUsers = true;
}
