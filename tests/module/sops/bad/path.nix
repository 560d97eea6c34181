# error: sops.environment.PATH is set, but the PATH of the program is made of sops.age.plugins
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.environment.PATH = "/run/current-system/sw/bin";
  sops.secrets.password = { };
}
