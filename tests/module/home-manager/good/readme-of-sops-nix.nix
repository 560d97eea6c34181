# What the README of sops-nix shows for home-manager. Only the input is another.
{
  sops = {
    age.keyFile = "/home/user/.age-key.txt";
    defaultSopsFile = ../../files/secrets.yaml;
    secrets.example-key.path = "%r/test.txt";
  };
  systemd.user.services.mbsync.Unit.After = [ "sops-nix.service" ];
}
