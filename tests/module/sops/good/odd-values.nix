# Values that mean something to a shell, to systemd or to ShellCheck, wherever a value can stand, and several of each.
{
  services.userborn.enable = true;
  sops = {
    defaultSopsFile = ../../files/secrets.yaml;
    environment = {
      QUOTES = "it's \"quoted\" and “quoted”";
      SHELL_TEXT = "$HOME `date` $(date) \${x} \\ %h %% ~ * ? [a] {b,c} # ! & | ; < >";
      LINES = "one\ntwo\r\n\tthree";
      BLANK = " ";
      EMPTY = "";
    };
    age.keyFile = "/persist/it's a $HOME `key` 100%/\"key\".txt";
    age.generateKey = true;
    age.sshKeyPaths = [
      "/etc/ssh/one key"
      "/etc/ssh/another'key"
      "/etc/ssh/ssh_host_ed25519_key"
    ];
    secrets."od'd n$ame 50%".key = "password";
    secrets."od'd n$ame 50%".path = "/etc/od'd n$ame 50%";
    secrets.early.key = "password";
    secrets.early.neededForUsers = true;
  };
}
