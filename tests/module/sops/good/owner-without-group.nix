# NixOS itself says that a user has to have a group.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.owner = "shop";
  users.users.shop.isSystemUser = true;
}
