# The build proves by the tags of the stanzas that the host opens its files, each of two keys at once.
# holds: -check-mode=recipients
{
  services.openssh.enable = true;
  age = {
    hostRecipients = [
      ../../../../demo/ssh_host_ed25519_key.pub
      "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq"
    ];
    secrets.token.file = ../../files/secret.age;
  };
}
