# Names of options that have moved in sops-nix still work.
{
  sops = {
    defaultSopsFile = ../../files/secrets.yaml;
    defaultSopsKey = "";
    sshKeyPaths = [ "/persist/rsa" ];
    secrets.password = { };
  };
}
