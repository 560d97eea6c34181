{
  systemd.sysusers.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password.neededForUsers = true;
}
