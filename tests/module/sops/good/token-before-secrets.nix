# A unit that is early itself, and waits for one that is not.
# warning: systemd.services.unlock-key is to come before sops-install-secrets.service, which is before sysinit.target, and after pcscd.socket, which is mostly after it: then systemd leaves one of them out at boot; have the secrets come later (docs/everyday.md, "A key that comes late").
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = "/run/token/key.txt";
  sops.secrets.password.key = "example-key";
  systemd.services.unlock-key = {
    wantedBy = [ "sysinit.target" ];
    before = [ "sops-install-secrets.service" ];
    after = [ "pcscd.socket" ];
    requires = [ "pcscd.socket" ];
    unitConfig.DefaultDependencies = false;
    serviceConfig.ExecStart = "/bin/unlock";
  };
}
