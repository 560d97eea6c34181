# Secrets that wait for a key from the network, as docs/everyday.md says.
{ lib, ... }:
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = "/run/key.txt";
  sops.secrets.password = { };
  systemd.services = {
    bring-key = {
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      serviceConfig.Type = "oneshot";
      serviceConfig.RemainAfterExit = true;
      script = "curl -o /run/key.txt https://keys.example.org/host";
    };
    sops-install-secrets = {
      wants = [ "bring-key.service" ];
      after = [ "bring-key.service" ];
      wantedBy = lib.mkForce [ "multi-user.target" ];
      before = lib.mkForce [
        "shutdown.target"
        "sysinit-reactivation.target"
      ];
    };
    app = {
      wants = [ "sops-install-secrets.service" ];
      after = [ "sops-install-secrets.service" ];
      script = "cat /run/secrets/password";
    };
  };
}
