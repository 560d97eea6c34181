# error: sops.secrets.password.mode
# error: is not of type `string matching the pattern [0-7]{3,4}'
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.mode = "u=r";
}
