# The unit waits for the file systems of sops files that are not in the store.
{
  services.openssh.enable = true;
  sops.validateSopsFiles = false;
  sops.secrets.password.sopsFile = "/persist/secrets of this machine.age";
  sops.secrets.password.format = "age";
}
