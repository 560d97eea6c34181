# What `boot` starts in a container, with a key that systemd hands to the unit. There is no check before a switch.
{
  sops = {
    defaultSopsFile = ../../../../demo/secrets.yaml;
    age.sshKeyPaths = [ "%d/host-key" ];
    secrets."database/password" = { };
  };
  systemd.services.sops-install-secrets.serviceConfig.LoadCredential =
    "host-key:/persist/ssh_host_ed25519_key";
}
