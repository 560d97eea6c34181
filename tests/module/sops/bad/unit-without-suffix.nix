# error: sops.secrets.password.restartUnits has "postgresql", which has no suffix; write "postgresql.service".
# error: sops.templates."app.conf".reloadUnits has "nginx", which has no suffix; write "nginx.service".
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.restartUnits = [ "postgresql" ];
  sops.templates."app.conf" = {
    content = "x";
    reloadUnits = [ "nginx" ];
  };
}
