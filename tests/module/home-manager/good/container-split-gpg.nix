# What `boot` starts in a container, in the systemd of a user whose keys are in another qube.
{
  sops = {
    defaultSopsFile = ../../../corpus/sops/recipient-pgp-rsa/in.yaml;
    gnupg.qubes-split-gpg.enable = true;
    gnupg.qubes-split-gpg.domain = "vault-gpg";
    secrets.whole.key = "";
  };
}
