# With nixos-init there are no activation scripts, whatever a shared module says of them.
{
  services.userborn.enable = true;
  system.nixos-init.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  system.activationScripts.mine = {
    deps = [ "setupSecrets" ];
    text = "cat /run/secrets/password";
  };
}
