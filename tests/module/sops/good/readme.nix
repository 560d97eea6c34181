# What the README of this repository shows.
{
  imports = [ (import ../../../../default.nix { }).nixosModules.default ];
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../../../demo/secrets.yaml;
  sops.hostRecipients = [ ../../../../demo/ssh_host_ed25519_key.pub ];
  sops.secrets."database/password" = {
    owner = "postgres";
    restartUnits = [ "postgresql.service" ];
  };
  users.users.postgres.group = "postgres";
}
