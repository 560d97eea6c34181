# error: sops.secrets."db/password".owner and sops.secrets."db/password".uid are both set; remove one of them.
# error: sops.templates."app.toml".group and sops.templates."app.toml".gid are both set; remove one of them.
{
  services.openssh.enable = true;
  users.users.nginx.group = "nginx";
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets."db/password" = {
    owner = "nginx";
    uid = 60;
  };
  sops.templates."app.toml" = {
    content = "x";
    group = "nginx";
    gid = 60;
  };
}
