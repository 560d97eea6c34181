{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.placeholder.password = "@password@";
  sops.templates."app/config.toml".file = ../../files/config.toml;
  sops.templates."app/other.toml" = {
    content = "x";
    gid = 5;
  };
}
