# What `boot` starts in a container, in the systemd of a user.
{ config, ... }:
{
  sops = {
    defaultSopsFile = ../../../../demo/secrets.yaml;
    age.sshKeyPaths = [ "/home/alice/.ssh/id_ed25519" ];
    age.keyFile = "/home/alice/.config/sops/age/keys.txt";
    age.generateKey = true;
    secrets."database/password" = { };
    secrets.relay = {
      key = "mail/relays/0/token";
      path = "%r/relay";
      restartUnits = [ "relay-reader.service" ];
    };
    templates.url.content = "shop:${config.sops.placeholder."database/password"}@localhost";
  };
  systemd.user.services.relay-reader = {
    Unit.After = [ "sops-nix.service" ];
    Service = {
      Type = "oneshot";
      RemainAfterExit = true;
      ExecStart = "/bin/sh -c 'cat /run/user/1000/relay >>/home/alice/relay-read; echo >>/home/alice/relay-read'";
    };
    Install.WantedBy = [ "default.target" ];
  };
}
