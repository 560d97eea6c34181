# error: sops.gnupg.home and sops.age.keyFile are both set; remove one of them.
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.gnupg.home = "/var/lib/sops-nix/gnupg";
  sops.age.keyFile = "/var/lib/key.txt";
  sops.secrets.password = { };
}
