# error: sops.secrets.password.sopsFile
# error: but has no value defined
{
  services.openssh.enable = true;
  sops.secrets.password = { };
}
