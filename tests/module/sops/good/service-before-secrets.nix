# A service that brings the key is as early as what needs it.
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.age.keyFile = "/run/key.txt";
  sops.secrets.password = { };
  systemd.services = {
    bring-key = {
      unitConfig.DefaultDependencies = false;
      script = "cp /media/key.txt /run/key.txt";
    };
    sops-install-secrets = {
      wants = [ "bring-key.service" ];
      after = [ "bring-key.service" ];
    };
  };
}
