# By a path here and by a path there: still one module.
{
  imports = [ ../../../../nixos-module/default.nix ];
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
}
