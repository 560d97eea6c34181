# error: sops.secrets.password.neededForUsers is set, so the secret is installed before there are users and belongs to root; remove uid and gid, or declare a second secret with the same key.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = {
    uid = 1000;
    neededForUsers = true;
  };
}
