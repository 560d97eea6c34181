# error: age.hostRecipients is set, but age.secrets.token.file is /var/lib/token.age, which is not in the Nix store, so the build cannot read it; write it as a path without quotes, or remove age.hostRecipients.
{
  services.openssh.enable = true;
  age.hostRecipients = [ ../../../../demo/ssh_host_ed25519_key.pub ];
  age.secrets.token.file = "/var/lib/token.age";
}
