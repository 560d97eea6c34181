# A machine with the host key that the files of the demonstration are encrypted to. The key and the values are made up.
{
  imports = [ ../../nixos-module ];

  # Copied, not linked: nothing reads a private key from the store.
  environment.etc."ssh/ssh_host_ed25519_key" = {
    source = ../../demo/ssh_host_ed25519_key;
    mode = "0600";
  };

  sops.defaultSopsFile = ../../demo/secrets.yaml;
  sops.age.sshKeyPaths = [ "/etc/ssh/ssh_host_ed25519_key" ];

  system.switch.enable = true;
}
