# error: sops.useSystemdActivation is false, but userborn.service creates the users, later than any activation script
{
  services.openssh.enable = true;
  services.userborn.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.useSystemdActivation = false;
  sops.secrets.password = { };
}
