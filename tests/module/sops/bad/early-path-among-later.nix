# error: sops.secrets.password.path is /run/secrets/password, in the directory of the secrets that are installed later
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = {
    neededForUsers = true;
    path = "/run/secrets/password";
  };
  sops.secrets.other = { };
}
