# During the change to hybrid keys both serve: the SSH key of the host, and a hybrid one that is made here.
# holds: age-keygen -pq -o /var/lib/sops-nix/key.txt.new
{
  services.openssh.enable = true;
  sops = {
    defaultSopsFile = ../../files/secrets.yaml;
    age = {
      keyFile = "/var/lib/sops-nix/key.txt";
      generateKey = true;
      keyType = "hybrid";
    };
    secrets.a = { };
  };
}
