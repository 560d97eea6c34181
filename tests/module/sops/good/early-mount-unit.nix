# The unit of the secrets waits for a mount unit that waits for no user.
{
  services.userborn.enable = true;
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
