# manifest: tests/corpus/manifests/gnupg-tmpfs.json
# refused: is declared as ini here and as dotenv by secret "env"; a file has one format
{
  sops = {
    defaultSopsFile = ../../files/secrets.yaml;
    validateSopsFiles = false;
    gnupg.home = "/var/lib/sops";
    keepGenerations = 10;
    log = [ "secretChanges" ];
    useTmpfs = true;
    secrets = {
      env.format = "dotenv";
      ini.format = "ini";
      j = {
        format = "json";
        key = "a";
      };
      krb.format = "binary";
    };
  };
}
