# gpg takes such a directory, and people write it so.
# holds: "gnupgHome": "/home-of-root/.gnupg"
{
  users.users.root.home = "/home-of-root";
  sops.gnupg.home = "~/.gnupg";
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.example-key = { };
}
