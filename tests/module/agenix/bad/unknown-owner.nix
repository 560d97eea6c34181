# error: age.secrets.token.owner is "ngnix", and users.users has no user of that name; did you mean "nginx"?
# error: age.secrets.token.restartUnits has "nginx", which has no suffix; write "nginx.service".
{
  services.openssh.enable = true;
  users.users.nginx.group = "nginx";
  age.secrets.token = {
    file = ../../files/secret.age;
    owner = "ngnix";
    restartUnits = [ "nginx" ];
  };
}
