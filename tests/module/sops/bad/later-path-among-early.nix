# error: sops.secrets.other.path is /run/secrets-for-users/other, in the directory of the secrets that are installed before users are created
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.neededForUsers = true;
  sops.secrets.other.path = "/run/secrets-for-users/other";
}
