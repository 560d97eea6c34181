# error: age.identityPaths."[definition 1-entry 1]" holds a private key, and everybody can read the Nix store; name a file that has it, as an absolute path in quotes, not in the Nix store.
{
  age.secrets.token.file = ../../files/secret.age;
  age.identityPaths = [
    "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0S0000000"
  ];
}
