# An image that is never switched has no checks before a switch.
{
  system.activatable = false;
  services.userborn.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
}
