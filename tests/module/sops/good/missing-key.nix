# The build finds a secret that the sops file does not have.
# refused: databse/password
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../../../demo/secrets.yaml;
  sops.secrets."databse/password" = { };
}
