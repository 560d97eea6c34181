# What `boot` starts in a container, in the systemd of a user.
{
  age.secrets.token.file = ../../files/token.age;
  age.secrets.mail = {
    file = ../../files/token.age;
    path = "/home/alice/.config/mail/token";
    mode = "440";
  };
}
