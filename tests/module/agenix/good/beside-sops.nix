# Both modules in one configuration.
{
  imports = [ ../../../../nixos-module ];
  services.openssh.enable = true;
  services.userborn.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.a.neededForUsers = true;
  sops.secrets.b = { };
  age.secrets.c = {
    file = ../../files/secret.age;
    neededForUsers = true;
  };
  age.secrets.d.file = ../../files/secret.age;
}
