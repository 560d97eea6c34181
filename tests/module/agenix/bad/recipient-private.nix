# error: age.hostRecipients."[definition 1-entry 1]" holds a private key, and everybody can read the Nix store; give the public half of the key: `age-keygen -y FILE` prints it, and that of an SSH key is FILE.pub.
{
  services.openssh.enable = true;
  age.secrets.token.file = ../../files/secret.age;
  age.hostRecipients = [
    "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0S0000000"
  ];
}
