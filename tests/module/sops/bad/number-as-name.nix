# error: sops.secrets.password.owner is "1000", a number; remove it, and set sops.secrets.password.uid = 1000.
# error: sops.templates.conf.group is "100", a number; remove it, and set sops.templates.conf.gid = 100.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.owner = "1000";
  sops.templates.conf = {
    content = "";
    group = "100";
  };
}
