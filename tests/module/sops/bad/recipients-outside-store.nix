# error: sops.hostRecipients has /etc/ssh/ssh_host_ed25519_key.pub, which is not in the Nix store, so the build cannot read it; write it as a path without quotes, or give the text of the key.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.hostRecipients = [ "/etc/ssh/ssh_host_ed25519_key.pub" ];
  sops.secrets.password = { };
}
