# error: sops.secrets.own.sopsFile is /tests/module/files/handle-and-key.txt, which holds a private key in the clear, and everybody can read the Nix store; encrypt it with sops.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.secrets.own.sopsFile = ../../files/handle-and-key.txt;
}
