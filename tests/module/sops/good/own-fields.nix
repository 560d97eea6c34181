# What sops-nix does not have.
{
  services.openssh.enable = true;
  sops = {
    secrets = {
      "db/password" = {
        sopsFile = ../../files/service.env;
        format = "dotenv";
        key = "PASSWORD";
        selectKey = true;
        credential = true;
      };
      token = {
        sopsFile = ../../files/secret.age;
        format = "age";
      };
    };
  };
}
