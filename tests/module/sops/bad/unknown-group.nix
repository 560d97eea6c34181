# error: sops.secrets.password.group is "postgrse", and users.groups has no group of that name; did you mean "postgres"?
# error: sops.external.groups
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  users.users.postgres.group = "postgres";
  users.groups.postgres = { };
  sops.secrets.password.owner = "postgres";
  sops.secrets.password.group = "postgrse";
}
