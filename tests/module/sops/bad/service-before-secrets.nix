# error: systemd.services.bring-key is to come before sops-install-secrets.service, which is before sysinit.target, but comes after that
# error: systemd.services.bring-disk is to come before sops-install-secrets.service
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = "/run/key.txt";
  sops.secrets.password = { };
  systemd.services = {
    bring-key.script = "cp /media/key.txt /run/key.txt";
    bring-disk = {
      wantedBy = [ "sops-install-secrets.service" ];
      before = [ "sops-install-secrets.service" ];
      serviceConfig.ExecStart = "/bin/grow";
    };
    sops-install-secrets = {
      wants = [ "bring-key.service" ];
      after = [ "bring-key.service" ];
    };
  };
}
