# Units of the user are restarted and reloaded, and another platform checks the manifest.
{ pkgs, ... }:
{
  systemd.user.services.mail = { };
  sops = {
    defaultSopsFile = ../../files/secrets.yaml;
    validationPackage = pkgs.buildPackages.callPackage ../../../../package.nix { };
    age.keyFile = "/home/alice/.config/sops/age/keys.txt";
    hostRecipients = [ ../../../../demo/ssh_host_ed25519_key.pub ];
    secrets.password = {
      restartUnits = [ "mail.service" ];
      reloadUnits = [ "mail.service" ];
    };
  };
}
