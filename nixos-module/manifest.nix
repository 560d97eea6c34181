# The manifest of an installation: the document that the program reads, and its checks when it is built. For `here`, see
# options.nix.
{
  lib,
  pkgs,
  config,
  here,
}:
let
  text = import ./text.nix { inherit lib; };
  cfg = config.${if here.isSops then "sops" else "age"};

  # agenix has paths for users that a shell reads; the program has %r.
  pathOf =
    if here.isSops || here.isSystem then lib.id else lib.replaceStrings variables runtimeDirectory;
  variables = [
    "%"
    "\${XDG_RUNTIME_DIR}"
    "$XDG_RUNTIME_DIR"
  ];
  runtimeDirectory = [
    "%%"
    "%r"
    "%r"
  ];

  # A name, or a number as chown(1) takes it.
  account =
    words:
    if builtins.match "[0-9]+" words != null then
      {
        name = null;
        id = lib.toIntBase10 words;
      }
    else
      {
        name = words;
        id = 0;
      };

  ownershipOf =
    file:
    let
      owner = account file.owner;
      group = account file.group;
    in
    if !here.isSystem then
      { }
    else if here.isSops then
      {
        inherit (file)
          owner
          uid
          group
          gid
          ;
      }
    else
      {
        owner = owner.name;
        uid = owner.id;
        group = group.name;
        gid = group.id;
      };

  # The program of sops-nix does not know these in the manifest of a user: only where they say something.
  unitsOf =
    file:
    lib.filterAttrs (_: units: here.isSystem || units != [ ]) {
      inherit (file) restartUnits reloadUnits;
    };

  fileEntry =
    file:
    {
      inherit (file) name mode;
      path = pathOf file.path;
    }
    // ownershipOf file
    // unitsOf file;

  sourceOf =
    secret:
    if here.isSops then
      {
        inherit (secret) key format sopsFile;
      }
      // lib.optionalAttrs here.isSystem { inherit (secret) sopsFileHash neededForUsers; }
    else
      {
        key = "";
        format = "age";
        sopsFile = secret.file;
      };

  # Fields that the program of sops-nix does not know either.
  ownFields = secret: {
    selectKey = secret.selectKey or false;
    credential = secret.credential or false;
  };

  secretEntry =
    secret: fileEntry secret // sourceOf secret // lib.filterAttrs (_: lib.id) (ownFields secret);

  templateEntry = template: fileEntry template // { inherit (template) content file; };

  # By the names that secrets have in the manifest. A secret for users may have the name of another one, which then has
  # the placeholder, since no template can use the former.
  placeholders =
    let
      isLate = name: !(cfg.secrets.${name}.neededForUsers or false);
      named = name: lib.nameValuePair (cfg.secrets.${name}.name or name) cfg.placeholder.${name};
      parts = lib.partition isLate (lib.attrNames cfg.placeholder);
    in
    lib.listToAttrs (map named (parts.right ++ parts.wrong));

  check =
    arguments:
    text.shellCommand (
      [ (text.shellWord (lib.getExe' cfg.validationPackage "sops-install-secrets")) ]
      ++ map text.shellWord arguments
      ++ [ "\"$out\"" ]
    )
    + "\n";

  recipientArgument =
    recipient:
    if text.isFile recipient then "-recipient-file=${recipient}" else "-recipient=${recipient}";

  # The build sees no file outside the store.
  isChecked =
    secrets:
    if here.isSops then
      cfg.validateSopsFiles
    else
      lib.all (secret: text.isInStore secret.file) (lib.attrValues secrets);
in
{
  inherit pathOf;

  # What a template says of secrets, and where each secret goes.
  make =
    {
      # Of the file in the store.
      name,
      secrets,
      templates ? { },
      secretsMountPoint,
      symlinkPath,
      # Of the manifest's fields.
      keys,
    }:
    pkgs.writeTextFile {
      inherit name;
      text = builtins.toJSON (
        {
          secrets = lib.mapAttrsToList (_: secretEntry) secrets;
          templates = lib.mapAttrsToList (_: templateEntry) templates;
          placeholderBySecretName = lib.optionalAttrs (cfg.templates != { }) placeholders;
          secretsMountPoint = pathOf secretsMountPoint;
          symlinkPath = pathOf symlinkPath;
          inherit (cfg) keepGenerations;
          userMode = !here.isSystem;
          logging = {
            keyImport = lib.elem "keyImport" cfg.log;
            secretChanges = lib.elem "secretChanges" cfg.log;
          };
        }
        // keys
        // lib.optionalAttrs here.isSystem { inherit (cfg) useTmpfs; }
      );
      checkPhase =
        check [ "-check-mode=${if isChecked secrets then "sopsfile" else "manifest"}" ]
        + lib.optionalString (cfg.hostRecipients != [ ] && secrets != { } && !(cfg.mock.enable or false)) (
          check ([ "-check-mode=recipients" ] ++ map recipientArgument cfg.hostRecipients)
        );
    };
}
