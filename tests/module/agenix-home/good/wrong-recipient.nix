# As for a machine: a file that none of the user's keys opens is found when the configuration is built.
# refused: it is encrypted to ssh-ed25519 7BEWZg, but not to age15m83usn0xx6ruf7nfxssj8n602z3rlzaryc2wljgmxfzrvpyvfxqtynccw; add the key of the host to secrets.nix and run: agenix -r
{
  age = {
    identityPaths = [ "/home/alice/.ssh/id_ed25519" ];
    hostRecipients = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    ];
    secrets.token.file = ../../files/secret.age;
  };
}
