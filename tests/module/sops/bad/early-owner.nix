# error: sops.secrets.password.neededForUsers is set, so the secret is installed before there are users and belongs to root
{
  services.openssh.enable = true;
  users.users.nginx.group = "nginx";
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = {
    owner = "nginx";
    neededForUsers = true;
  };
}
