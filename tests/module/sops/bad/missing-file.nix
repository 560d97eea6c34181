# error: sops.secrets.password.sopsFile is
# error: which does not exist. In a flake, a file has to be added to git to be seen.
{
  services.openssh.enable = true;
  sops.secrets.password.sopsFile = ../../files/none.yaml;
}
