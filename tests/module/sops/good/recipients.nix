# The build also finds out whether this machine opens its files.
{
  services.openssh.enable = true;
  sops = {
    defaultSopsFile = ../../../../demo/secrets.yaml;
    hostRecipients = [
      ../../../../demo/ssh_host_ed25519_key.pub
      "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq"
    ];
    secrets."database/password" = { };
  };
}
