# For tests/module/boot: a key that a command prints, which may talk to whatever has it.
{
  sops = {
    defaultSopsFile = ../../../../demo/secrets.yaml;
    defaultSopsFormat = "yaml";
    # The module wants a key to be named.
    age.keyFile = "/persist/key.txt";
    environment.SOPS_AGE_SSH_PRIVATE_KEY_CMD = "/persist/print-key";
    secrets."database/password" = { };
  };
}
