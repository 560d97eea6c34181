# error: sops.secrets.password.format
# error: one of "yaml", "json", "dotenv", "ini", "binary", "age"
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.defaultSopsFormat = "toml";
  sops.secrets.password = { };
}
