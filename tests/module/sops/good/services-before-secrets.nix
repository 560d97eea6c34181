# A service that the boot starts too late is a cycle; one that only a switch, a suspension or nothing starts is none, and
# neither is one before a unit that only takes away what was installed.
# warning: systemd.services.bring-disk is to come before sops-install-secrets.service, which is before sysinit.target, but comes after that as every service does: at boot systemd leaves one of the two out; set systemd.services.bring-disk.unitConfig.DefaultDependencies = false, or have the secrets come later (docs/everyday.md, "A key that comes late").
{
  services.userborn.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  systemd.services = {
    bring-disk = {
      wantedBy = [ "multi-user.target" ];
      before = [ "sops-install-secrets.service" ];
      serviceConfig.ExecStart = "/bin/grow";
    };
    on-switch = {
      requiredBy = [ "sysinit-reactivation.target" ];
      before = [ "sops-install-secrets.service" ];
      script = "switch";
    };
    on-suspension = {
      wantedBy = [ "hibernate.target" ];
      before = [ "sops-install-secrets.service" ];
      script = "suspend";
    };
    by-hand = {
      before = [ "sops-install-secrets.service" ];
      script = "hand";
    };
    unlock = {
      wantedBy = [ "multi-user.target" ];
      before = [ "sops-install-secrets-for-users.service" ];
      script = "unlock";
    };
  };
}
