# The build finds a sops file that this machine will not open.
# refused: it is encrypted to age17aym2vww7d550zjnmuje2a8zs5y4hfkc2we8sn3kda7kru3amuds5jnw8x, but not to age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq; add that to .sops.yaml and run in its folder, with a key that opens the file: sops updatekeys
{
  services.openssh.enable = true;
  sops = {
    defaultSopsFile = ../../../../demo/secrets.yaml;
    hostRecipients = [ "age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqs3290gq" ];
    secrets."database/password" = { };
  };
}
