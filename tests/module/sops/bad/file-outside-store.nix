# error: sops.secrets.password.sopsFile is /etc/passwd, which is not in the Nix store, so the build cannot check it
{
  services.openssh.enable = true;
  sops.secrets.password.sopsFile = "/etc/passwd";
}
