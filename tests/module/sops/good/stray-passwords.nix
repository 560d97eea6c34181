# Passwords at places where there is no secret: written by hand, and the secret is elsewhere.
# warning: users.users.alice.hashedPasswordFile is /run/secrets/alice-password, where no secret is, so the user has no password; write config.sops.secrets.alice-password.path.
# warning: users.users.bob.hashedPasswordFile is /run/secrets-for-users/alice-pasword, where no secret is, so the user has no password; did you mean "alice-password"?
{
  services.userborn.enable = true;
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.alice-password.neededForUsers = true;
  users.users.alice.hashedPasswordFile = "/run/secrets/alice-password";
  users.users.bob.hashedPasswordFile = "/run/secrets-for-users/alice-pasword";
  users.users.carol.hashedPasswordFile = "/run/secrets-for-users/alice-password";
  users.users.dave.hashedPasswordFile = "/etc/dave.hash";
}
