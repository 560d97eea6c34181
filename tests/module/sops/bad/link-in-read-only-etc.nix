# error: sops.secrets.password.path is /etc/app/password, and system.etc.overlay.mutable is false, so that no link can be made there; remove the option, and set environment.etc."app/password".source = config.sops.secrets.password.path.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  system.etc.overlay.enable = true;
  system.etc.overlay.mutable = false;
  sops.secrets.password.path = "/etc/app/password";
}
