# What a virtual machine has instead of a container: disks, udev, and no stage 1 of NixOS, whose place the kernel's initrd takes.
{ pkgs, ... }:
{
  boot.isContainer = false;
  boot.kernel.enable = false;
  boot.initrd.enable = false;
  boot.modprobeConfig.enable = false;
  boot.bootspec.enable = false;
  boot.loader.grub.enable = false;
  boot.enableContainers = false;
  hardware.enableRedistributableFirmware = false;
  networking.hostName = "virtual";
  console.enable = false;
  security.audit.enable = false;
  services.lvm.enable = false;
  powerManagement.enable = false;
  system.build.installBootLoader = "${pkgs.coreutils}/bin/true";
  fileSystems."/" = {
    device = "/dev/vda";
    fsType = "ext4";
  };
  # What a scenario asks of this boot.
  systemd.services.probe = {
    wantedBy = [ "multi-user.target" ];
    after = [ "multi-user.target" ];
    path = [
      pkgs.util-linux
      pkgs.shadow
      pkgs.getent
    ];
    serviceConfig = {
      Type = "oneshot";
      StandardOutput = "tty";
      StandardError = "tty";
      TTYPath = "/dev/ttyS0";
    };
    unitConfig.ConditionPathExists = "/probe";
    script = ''
      echo "PROBE BEGINS"
      ${pkgs.bash}/bin/bash /probe || true
      echo "PROBE ENDS"
      systemctl poweroff --no-block
    '';
  };
}
