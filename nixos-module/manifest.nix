# The manifest of an installation: the document that the program reads, and its checks when it is built.
{
  lib,
  pkgs,
  cfg,
  here,
  keys,
  mock,
  shared,
  text,
  ...
}:
let
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
    if text.isNumber words then
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
      }
      // lib.optionalAttrs (here.isSystem && secret.neededForUsers) { inherit (secret) neededForUsers; };

  # The program of sops-nix does not know these either: only where they say something.
  ownFields =
    secret:
    lib.filterAttrs (name: value: value != shared.fieldsOfSecret.${name}.default) (
      lib.intersectAttrs shared.fieldsOfSecret secret
    );

  secretEntry = secret: fileEntry secret // sourceOf secret // ownFields secret;

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

  # Words of the shell.
  check =
    arguments:
    text.shellCommand (
      [ (text.shellWord (lib.getExe' cfg.validationPackage "sops-install-secrets")) ]
      ++ arguments
      ++ [ "\"$out\"" ]
    )
    + "\n";

  # The keys of one machine, any of which may open a file; of several the program wants a line each in one file.
  checkRecipients =
    recipients:
    let
      recipient = lib.head recipients;
      add =
        recipient:
        if text.isFile recipient then
          "cat ${text.shellWord "${recipient}"} >>\"$recipients\"\necho >>\"$recipients\"\n"
        else
          "echo ${text.shellWord recipient} >>\"$recipients\"\n";
      argument =
        if lib.length recipients > 1 then
          "-recipient-file=\"$recipients\""
        else if text.isFile recipient then
          text.shellWord "-recipient-file=${recipient}"
        else
          text.shellWord "-recipient=${recipient}";
    in
    lib.optionalString (lib.length recipients > 1) (
      "recipients=$(mktemp)\n" + lib.concatMapStrings add recipients
    )
    + check [
      "-check-mode=recipients"
      argument
    ];

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
      # Behind the link to the directory with the secrets.
      suffix ? "",
      secrets,
      templates ? { },
    }:
    pkgs.writeTextFile {
      name = "${lib.optionalString (!here.isSops) "agenix-"}manifest${suffix}.json";
      text = builtins.toJSON (
        {
          secrets = lib.mapAttrsToList (_: secretEntry) secrets;
          templates = lib.mapAttrsToList (_: templateEntry) templates;
          placeholderBySecretName = lib.optionalAttrs (cfg.templates != { }) placeholders;
          secretsMountPoint = pathOf (
            if suffix == "" then here.mountPoint else "${here.directory}${suffix}.d"
          );
          symlinkPath = pathOf "${here.directory}${suffix}";
          userMode = !here.isSystem;
          logging = {
            keyImport = lib.elem "keyImport" cfg.log;
            secretChanges = lib.elem "secretChanges" cfg.log;
          };
        }
        // keys.fields
        // lib.intersectAttrs shared.fields cfg
      );
      checkPhase =
        check [ "-check-mode=${if isChecked secrets then "sopsfile" else "manifest"}" ]
        + lib.optionalString (cfg.hostRecipients != [ ] && secrets != { } && !mock.isUsed) (
          checkRecipients cfg.hostRecipients
        );
    };
}
