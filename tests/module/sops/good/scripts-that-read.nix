# Activation scripts with the path of a secret. One of them is only a text, and what it has is not the secret `token`.
# warning: system.activationScripts.samba has the path /run/secrets/token, and sops-install-secrets.service installs that later than any activation script: at boot nothing is there yet, and at a switch it is still as before. If the script reads it, make it a service.
# warning: system.activationScripts.hosts has the path /run/secrets/, and sops-install-secrets.service installs that later than any activation script: at boot nothing is there yet, and at a switch it is still as before. If the script reads it, make it a service.
# warning: system.activationScripts.conf has the path /run/secrets/rendered/app.conf, and sops-install-secrets.service installs that later than any activation script: at boot nothing is there yet, and at a switch it is still as before. If the script reads it, make it a service.
{ config, ... }:
{
  services.openssh.enable = true;
  sops.defaultSopsFile = ../../files/secrets.yaml;
  sops.secrets.token.key = "example-key";
  sops.templates."app.conf".content = config.sops.placeholder.token;
  system.activationScripts = {
    samba.text = "smbpasswd <${config.sops.secrets.token.path}";
    hosts = "cat /run/secrets/token-of-hosts >>/etc/hosts";
    conf.text = "cp ${config.sops.templates."app.conf".path} /etc/app.conf";
    other.text = "cat /run/secrets-for-users/token";
  };
}
