# What `boot` starts in a container, with a key of GnuPG.
{
  sops = {
    defaultSopsFile = ../../../corpus/sops/recipient-pgp-rsa/in.yaml;
    gnupg.home = "/persist/gnupg";
    secrets.whole.key = "";
  };
}
