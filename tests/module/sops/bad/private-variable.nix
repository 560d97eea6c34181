# error: sops.environment.SOPS_AGE_KEY holds a private key, and everybody can read the Nix store; encrypt it as one of sops.secrets, or if it is to decrypt them, name a file outside the Nix store in sops.age.keyFile.
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.password = { };
  sops.environment.SOPS_AGE_KEY = "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0S0000000";
}
