# What `boot` starts in a container whose key is on a file system that takes its time, with a tmpfs and generations.
{
  sops = {
    defaultSopsFile = ../../../../demo/secrets.yaml;
    useTmpfs = true;
    keepGenerations = 3;
    age.sshKeyPaths = [ "/late/ssh_host_ed25519_key" ];
    secrets."database/password" = { };
  };
}
