# Where only systemd-networkd brings the network up, this is no cycle.
# warning: systemd.services.sops-install-secrets.after has network-online.target, but sops-install-secrets.service is before sysinit.target and network-online.target mostly after it: then systemd leaves one of the two out at boot; have the secrets come later (docs/everyday.md, "A key that comes late").
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = "/run/network/key.txt";
  sops.secrets.password.key = "example-key";
  systemd.services.sops-install-secrets = {
    wants = [ "network-online.target" ];
    after = [ "network-online.target" ];
  };
}
