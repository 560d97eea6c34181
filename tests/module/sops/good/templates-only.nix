# Templates without any secret: the manifest is there, and so is the program that looks at it.
# holds: "sops-nix/manifest.json"
{
  sops.templates.motd.content = "Hello";
}
