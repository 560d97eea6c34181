# error: sops.hostRecipients is set, but sops.validateSopsFiles is false, so no sops file is looked at when the system is built; remove one of them.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.validateSopsFiles = false;
  sops.hostRecipients = [ "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq" ];
  sops.secrets.password = { };
}
