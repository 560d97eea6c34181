# Paths that a shell would read, in each way to write them.
{
  age.identityPaths = [ "/home/alice/.ssh/id_agenix" ];
  age.secretsDir = "$XDG_RUNTIME_DIR/keys";
  age.secretsMountPoint = "\${XDG_RUNTIME_DIR}/keys.d";
  age.secrets.example-secret = {
    file = ../../files/secret.age;
    name = "sub/100%";
  };
}
