# The same as in odd-values.nix, for activation scripts.
{ pkgs, ... }:
{
  sops = {
    useSystemdActivation = false;
    defaultSopsFile = ../../files/secrets.yaml;
    environment = {
      QUOTES = "it's \"quoted\" and “quoted”";
      SHELL_TEXT = "$HOME `date` $(date) \${x} \\ %h %% ~ * ? [a] {b,c} # ! & | ; < >";
      LINES = "one\ntwo\r\n\tthree";
      EMPTY = "";
    };
    age.keyFile = "/persist/it's a $HOME `key` 100%/\"key\".txt";
    age.generateKey = true;
    age.plugins = [
      pkgs.age-plugin-tpm
      pkgs.age-plugin-toy
    ];
    secrets.late.key = "password";
    secrets.early.key = "password";
    secrets.early.neededForUsers = true;
  };
}
