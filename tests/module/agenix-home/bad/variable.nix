# error: age.secrets.token.path is $HOME/token, but XDG_RUNTIME_DIR is the only variable that a path may have.
{
  age.secrets.token.file = ../../files/secret.age;
  age.secrets.token.path = "$HOME/token";
}
