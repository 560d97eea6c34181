# error: sops.secrets.password.owner is "postgrs", and users.users has no user of that name; did you mean "postgres"?
# error: set sops.secrets.password.credential in its place
# error: sops.external.users
# error: sops.templates."app.conf".owner is "quite-another", and users.users has no user of that name. A user
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  users.users.postgres.group = "postgres";
  sops.secrets.password.owner = "postgrs";
  sops.templates."app.conf".content = "x";
  sops.templates."app.conf".owner = "quite-another";
}
