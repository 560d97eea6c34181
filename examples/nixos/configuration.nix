# What a machine has in any case. Take your own in its place.
{
  nixpkgs.hostPlatform = "x86_64-linux";
  networking.hostName = "host";
  system.stateVersion = "25.11";

  boot.loader.systemd-boot.enable = true;
  fileSystems."/" = {
    device = "/dev/disk/by-label/nixos";
    fsType = "ext4";
  };

  # Makes /etc/ssh/ssh_host_ed25519_key, with which the machine decrypts.
  services.openssh.enable = true;
  # Makes a unit of the creation of users, so that no activation script has to install a password.
  services.userborn.enable = true;
}
