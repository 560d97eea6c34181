# A password at a place where there is no secret, and one that is written by hand and right.
# warning: users.users.bob.hashedPasswordFile is /run/agenix/pasword, where no secret is, so the user has no password; did you mean "password"?
{
  services.userborn.enable = true;
  services.openssh.enable = true;
  age.secrets.password.file = ../../files/secret.age;
  users.users.alice.hashedPasswordFile = "/run/agenix/password";
  users.users.bob.hashedPasswordFile = "/run/agenix/pasword";
}
