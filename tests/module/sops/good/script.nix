# Users by an activation script, and another script that needs secrets.
{
  system.activationScripts.mine = {
    deps = [ "setupSecrets" ];
    text = "cat /run/secrets/password";
  };
  sops = {
    useSystemdActivation = false;
    defaultSopsFile = ../../files/secrets.yaml;
    environment.NOTE = "it's $HOME";
    age.keyFile = "/var/lib/sops-nix/key.txt";
    age.generateKey = true;
    secrets.password.restartUnits = [ "app.service" ];
  };
}
