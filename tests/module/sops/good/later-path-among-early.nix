# A link in a directory that is there by then, but not for long.
# warning: sops.secrets.other.path is /run/secrets-for-users/other, in the directory of the secrets that are installed before users are created: whenever one of those changes, the link is gone until this one is installed again; remove path, and use config.sops.secrets.other.path where the secret is read.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.neededForUsers = true;
  sops.secrets.other = {
    key = "example-key";
    path = "/run/secrets-for-users/other";
  };
}
