# gpg takes such a directory, and people write it so.
# holds: "gnupgHome": "/home/alice/.gnupg"
{
  sops.gnupg.home = "~/.gnupg";
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.example-key = { };
}
