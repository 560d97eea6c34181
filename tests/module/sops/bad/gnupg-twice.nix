# error: sops.gnupg.home and sops.gnupg.sshKeyPaths are both set; remove one of them.
{
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.gnupg.home = "/var/lib/sops-nix/gnupg";
  sops.gnupg.sshKeyPaths = [ "/etc/ssh/ssh_host_rsa_key" ];
  sops.secrets.password = { };
}
