# Parts that are added to early units of systemd and of packages, and a service that is not there.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  systemd.additionalUpstreamSystemUnits = [ "early.service" ];
  systemd.services = {
    sops-install-secrets = {
      wants = [
        "systemd-tmpfiles-setup.service"
        "early.service"
        "packaged.service"
        "overridden.service"
        "absent.service"
        "bring@key.service"
      ];
      after = [
        "systemd-tmpfiles-setup.service"
        "early.service"
        "packaged.service"
        "overridden.service"
        "absent.service"
        "bring@key.service"
      ];
    };
    systemd-tmpfiles-setup.serviceConfig.ExecStart = "/bin/systemd-tmpfiles --create";
    early.serviceConfig.ExecStart = "/bin/early";
    packaged.serviceConfig.ExecStart = [
      ""
      "/bin/packaged --verbose"
    ];
    overridden = {
      overrideStrategy = "asDropin";
      script = "overridden";
    };
    absent = {
      enable = false;
      script = "absent";
    };
    "bring@key".script = "bring key";
  };
}
