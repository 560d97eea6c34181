# A set of packages for NixOS whose programs are those of a Debian tree.
#
# On the machine, and where it is built, that tree is at /debian: a package is a folder of links into it. What builds (stdenv, the
# trivial builders, the Rust hooks) is that of the fork of nixpkgs at `corepkgs`, with the tools of the Debian tree. What is
# not needed is a stub: it can be evaluated and built, and is empty.
{
  # The folder with lib/ and nixos/.
  nixpkgs,
  corepkgs,
  # Where the programs are that are neither Debian's nor built by Nix: bin/userborn, bin/switch-to-configuration.
  parts,
  # A toolchain of Rust, and a folder with crates as cargo downloads them, outside the store; or null.
  rustToolchain ? null,
  crates ? null,
  overlays ? [ ],
  # Names of packages that are stubs unless they are something else.
  stubNames ? import ./stub-names.nix,
}:
let
  lib = import (corepkgs + "/lib.nix");
  system = "x86_64-linux";
  platform = lib.systems.elaborate { inherit system; };

  config =
    (lib.evalModules {
      modules = [
        (corepkgs + "/config/build-options.nix")
        (corepkgs + "/config/package-options.nix")
        { config.allowUnfree = true; }
      ];
      class = "nixpkgsConfig";
    }).config;

  # A package that a shell command makes, with nothing else.
  raw =
    name: attributes: command:
    let
      drv = derivation {
        inherit name system;
        builder = "/bin/bash";
        args = [
          "-euc"
          ''
            export PATH=/usr/bin:/usr/sbin
            ${command}
            # Nix kills a builder whose output is closed, as programs of coreutils close it before they exit.
            exit 0
          ''
        ];
      };
      package =
        drv
        // {
          pname = name;
          version = "0";
          out = package;
          bin = package;
          dev = package;
          lib = package;
          man = package;
          doc = package;
          info = package;
          su = package;
          terminfo = package;
          debug = package;
          override = _: package;
          overrideAttrs = _: package;
          meta = {
            mainProgram = name;
            available = true;
            description = name;
            platforms = [ system ];
            priority = 5;
          };
          passthru = { };
          outputs = [ "out" ];
          outputName = "out";
          outputSpecified = false;
          # What packages of some names have.
          shellPath = "/bin/${name}";
          withPackages = _: package;
          stdenv = { inherit (self') hostPlatform; };
        }
        // attributes;
      self' = {
        hostPlatform = platform;
      };
    in
    package;

  # The programs of packages of Debian, and what else is wanted.
  debian =
    name: debs: attributes: extra:
    raw name attributes ''
      mkdir -p $out/bin $out/share
      ln -s bin $out/sbin
      for deb in ${toString debs}; do
        dpkg -L $deb | while read -r file; do
          case $file in
          /usr/bin/*|/usr/sbin/*|/bin/*|/sbin/*)
            [ -d "$file" ] || ln -sfn "/debian/usr/''${file#/usr/}" "$out/bin/''${file##*/}" ;;
          esac
        done
      done
      ${extra}
    '';

  stub = name: raw name { isStub = true; } "mkdir -p $out/bin $out/share $out/lib $out/etc";

  makeStdenv =
    cc:
    import (corepkgs + "/stdenv/generic") {
      name = if cc == null then "stdenv-nocc" else "stdenv";
      inherit cc config;
      shell = "/bin/bash";
      initialPath = [ tools ];
      fetchurlBoot = throw "nothing is fetched";
      buildPlatform = platform;
      hostPlatform = platform;
      targetPlatform = platform;
      # Neither of them is in a folder of its own.
      preHook = ''
        export NIX_ENFORCE_PURITY=
      '';
    };

  # Files of systemd that NixOS names and this Debian does not have.
  absentFromDebian = [
    "sysctl.d/50-coredump.conf"
    "sysctl.d/50-default.conf"
    "systemd/system/systemd-bootctl.socket"
    "systemd/system/systemd-bootctl@.service"
    "systemd/system/systemd-vconsole-setup.service"
  ];

  # All of Debian's programs, for what builds.
  tools = raw "tools" { } ''
    mkdir -p $out
    ln -s /usr/bin $out/bin
  '';

  libc = raw "glibc" { version = "2.41"; } ''
    mkdir -p $out
    ln -s /debian/usr/bin $out/bin
    ln -s /debian/usr/sbin $out/sbin
    ln -s /debian/usr/lib $out/lib
  '';

  cc =
    raw "gcc"
      {
        version = "14";
        inherit libc;
        isGNU = true;
        isClang = false;
        targetPrefix = "";
        bintools = stub "bintools" // {
          targetPrefix = "";
          isLLVM = false;
          isGNU = true;
          dynamicLinker = "/lib64/ld-linux-x86-64.so.2";
        };
        cc = { };
        hardeningUnsupportedFlags = [ ];
        defaultHardeningFlags = [ ];
      }
      ''
        mkdir -p $out/nix-support
        ln -s /usr/bin $out/bin
        cat >$out/nix-support/setup-hook <<'EOF'
        export CC=gcc CXX=g++ AR=ar LD=ld STRIP=strip RANLIB=ranlib OBJCOPY=objcopy READELF=readelf NM=nm
        export CC_FOR_BUILD=gcc
        export NIX_CC=/usr NIX_BINTOOLS=/usr
        EOF
      '';

  base =
    pkgs:
    # A word that is a function of lib in `with pkgs;` is no package.
    lib.genAttrs (lib.filter (name: !(lib ? ${name} || builtins ? ${name})) stubNames) stub
    // import (corepkgs + "/build-support/trivial-builders") {
      inherit lib config;
      inherit (pkgs)
        stdenv
        stdenvNoCC
        jq
        lndir
        runtimeShell
        ;
      shellcheck-minimal = debian "shellcheck" [ "shellcheck" ] {
        compiler.bootstrapAvailable = true;
      } "";
    }
    // rec {
      inherit
        lib
        config
        system
        overlays
        ;
      _type = "pkgs";
      pkgs = theSet;
      path = nixpkgs;
      stdenv = makeStdenv cc // {
        cc = cc;
      };
      stdenvNoCC = makeStdenv null // {
        cc = cc;
      };
      inherit (stdenv) hostPlatform buildPlatform targetPlatform;
      runtimeShell = "${theSet.bash}/bin/bash";
      runtimeShellPackage = theSet.bash;

      buildPackages = theSet;
      targetPackages = theSet;
      pkgsBuildBuild = theSet;
      pkgsBuildHost = theSet;
      pkgsBuildTarget = theSet;
      pkgsHostHost = theSet;
      pkgsHostTarget = theSet;
      pkgsTargetTarget = theSet;
      pkgsStatic = theSet;
      pkgsi686Linux = theSet;
      __splicedPackages = theSet;
      appendOverlays =
        more:
        if more == [ ] then theSet else import ./pkgs.nix (arguments // { overlays = overlays ++ more; });
      extend = overlay: appendOverlays [ overlay ];
      callPackage = lib.callPackageWith theSet;
      callPackages = lib.callPackagesWith theSet;
      newScope = extra: lib.callPackageWith (theSet // extra);
      recurseIntoAttrs = lib.recurseIntoAttrs;
      makeScope = lib.makeScope;
      inherit (lib) makeOverridable;
      nixosTests = lib.genAttrs stubNames (_: { });
      splicePackages = set: set;

      # What builds

      makeSetupHook = import ./setup-hook.nix { inherit lib raw; };
      makeWrapper = raw "make-wrapper" { } ''
        mkdir -p $out/nix-support
        echo "source ${(corepkgs + "/build-support/setup-hooks/die.sh")}" >$out/nix-support/setup-hook
        sed s,@shell@,${runtimeShell}, ${
          (corepkgs + "/build-support/setup-hooks/make-wrapper.sh")
        } >>$out/nix-support/setup-hook
      '';
      makeBinaryWrapper = makeWrapper;
      makeShellWrapper = makeWrapper;
      buildEnv =
        {
          name,
          paths,
          pathsToLink ? [ "/" ],
          ignoreCollisions ? false,
          postBuild ? "",
          extraPrefix ? "",
          nativeBuildInputs ? [ ],
          passthru ? { },
          ...
        }:
        stdenvNoCC.mkDerivation {
          inherit name nativeBuildInputs;
          passthru = passthru // {
            inherit ignoreCollisions postBuild paths;
          };
          buildCommand = ''
            mkdir -p $out${extraPrefix}
            for path in ${toString (lib.concatMap outputsOf paths)}; do
              for part in ${toString pathsToLink}; do
                [ -d "$path$part" ] || continue
                mkdir -p "$out${extraPrefix}$part"
                cp -rsnL --no-preserve=mode "$path$part/." "$out${extraPrefix}$part/" 2>/dev/null || true
              done
            done
            mkdir -p $out/bin
            find $out -xtype l -delete
            ${postBuild}
          '';
        };
      outputsOf = package: [ package ];
      # The header of glibc that the wrappers of NixOS want.
      srcOnly =
        _:
        raw "unsecvars" { } ''
          mkdir $out
          echo '#define UNSECURE_ENVVARS "LD_PRELOAD\0" "LD_LIBRARY_PATH\0" "LD_AUDIT\0"' >$out/unsecvars.h
        '';
      substituteAll =
        { src, ... }@arguments:
        stdenvNoCC.mkDerivation (
          {
            name = if arguments ? name then arguments.name else baseNameOf (toString src);
            buildCommand = ''
              target=$out
              if [ -n "''${dir:-}" ]; then target=$out/$dir/$name; mkdir -p $out/$dir; fi
              substituteAll "$src" "$target"
              if [ -n "''${isExecutable:-}" ]; then chmod +x "$target"; fi
              eval "''${postInstall:-}"
            '';
            preferLocalBuild = true;
          }
          // arguments
        );
      substitute =
        {
          src,
          substitutions ? [ ],
          replacements ? [ ],
          ...
        }:
        theSet.runCommand (baseNameOf (toString src)) { } ''
          substitute ${src} $out ${
            # Debian's files name no store paths.
            lib.escapeShellArgs (
              map (word: if word == "--replace-fail" then "--replace-quiet" else word) substitutions
            )
          } ${toString replacements}
        '';
      replaceVarsWith = theSet.callPackage (
        corepkgs + "/build-support/replace-vars/replace-vars-with.nix"
      ) { };
      replaceVars = theSet.callPackage (corepkgs + "/build-support/replace-vars/replace-vars.nix") { };
      closureInfo =
        { rootPaths }:
        stdenvNoCC.mkDerivation {
          name = "closure-info";
          __structuredAttrs = true;
          exportReferencesGraph.closure = rootPaths;
          preferLocalBuild = true;
          buildCommand = ''
            out=''${outputs[out]}
            mkdir $out
            jq -r '.closure[].path' <"$NIX_ATTRS_JSON_FILE" >$out/store-paths
          '';
        };
      linkFarm =
        name: entries:
        theSet.runCommand name { } (
          "mkdir -p $out\n"
          + lib.concatStrings (
            map
              (
                e:
                "mkdir -p $out/$(dirname ${lib.escapeShellArg e.name}); ln -s ${lib.escapeShellArg "${e.path}"} $out/${lib.escapeShellArg e.name}\n"
              )
              (
                if lib.isList entries then
                  entries
                else
                  lib.mapAttrsToList (name: path: { inherit name path; }) entries
              )
          )
        );
      formats = import ./formats.nix {
        inherit lib;
        pkgs = theSet;
      };
      makeDBusConf = lib.makeOverridable (
        {
          suidHelper,
          serviceDirectories,
          ...
        }:
        theSet.runCommand "dbus-1" { } ''
          mkdir -p $out
          for bus in system session; do
            {
              echo '<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">'
              echo '<busconfig>'
              for directory in ${toString serviceDirectories}; do
                echo "<includedir>$directory/share/dbus-1/$bus.d</includedir>"
                if [ $bus = system ]; then
                  echo "<servicedir>$directory/share/dbus-1/system-services</servicedir>"
                else
                  echo "<servicedir>$directory/share/dbus-1/services</servicedir>"
                fi
              done
              [ $bus = session ] || echo '<servicehelper>${suidHelper}</servicehelper>'
              echo '</busconfig>'
            } >$out/$bus.conf
          done
        ''
      );
      # With the driver of NixOS's tests, which can be evaluated here and not built.
      testers.runNixOSTest =
        test:
        (import (nixpkgs + "/nixos/lib") { inherit lib; }).runTest {
          imports = [ test ];
          hostPkgs = theSet;
        };
      # Nothing is built with it here; the hook below looks at the same.
      testers.testVersion = { package }: stub "${package.name}-test-version";
      nixosOptionsDoc =
        attrs:
        (import (nixpkgs + "/nixos/lib/make-options-doc")) (
          {
            pkgs = theSet;
            inherit lib;
          }
          // attrs
        );

      # What a machine runs

      bash = debian "bash" [ "bash" ] { shellPath = "/bin/bash"; } "ln -s bash $out/bin/sh";
      bashInteractive = bash;
      bashNonInteractive = bash;
      coreutils = debian "coreutils" [ "coreutils" ] { } "";
      coreutils-full = coreutils;
      findutils = debian "findutils" [ "findutils" ] { } "";
      gnugrep = debian "gnugrep" [ "grep" ] { meta.mainProgram = "grep"; } "";
      gnused = debian "gnused" [ "sed" ] { meta.mainProgram = "sed"; } "";
      gawk = debian "gawk" [ "mawk" ] { } "ln -sfn /debian/usr/bin/mawk $out/bin/awk";
      diffutils = debian "diffutils" [ "diffutils" ] { } "";
      gnutar = debian "gnutar" [ "tar" ] { } "";
      gzip = debian "gzip" [ "gzip" ] { } "";
      bzip2 = debian "bzip2" [ "bzip2" ] { } "";
      xz = debian "xz" [ "xz-utils" ] { } "";
      zstd = debian "zstd" [ "zstd" ] { } "";
      gnupatch = debian "gnupatch" [ "patch" ] { } "";
      less = debian "less" [ "less" ] { } "";
      ncurses = debian "ncurses" [
        "ncurses-bin"
      ] { } "ln -s /debian/usr/share/terminfo $out/share/terminfo";
      procps = debian "procps" [
        "procps"
      ] { } "mkdir -p $out/lib; ln -sfn /debian/usr/sbin/sysctl $out/bin/sysctl";
      util-linux = debian "util-linux" [
        "util-linux"
        "util-linux-extra"
        "mount"
        "bsdutils"
        "login"
      ] { withPatches = util-linux; } "";
      utillinux = util-linux;
      util-linuxMinimal = util-linux;
      shadow =
        debian "shadow" [ "passwd" "login.defs" "login" "uidmap" ] { shellPath = "/bin/nologin"; }
          ''
            ln -sfn /debian/usr/sbin/nologin $out/bin/nologin
            ln -sfn /debian/usr/bin/su $out/bin/su
          '';
      su = shadow;
      getent = debian "getent" [ "libc-bin" ] { } "";
      nettools = raw "nettools" { } "mkdir -p $out/bin; ln -s /debian/usr/bin/hostname $out/bin/hostname";
      hostname-debian = nettools;
      iproute2 = debian "iproute2" [ "iproute2" ] { } "";
      kmod = debian "kmod" [ "kmod" ] { } "";
      e2fsprogs = debian "e2fsprogs" [ "e2fsprogs" ] { } "";
      acl = debian "acl" [ "acl" ] { } "";
      attr = debian "attr" [ "attr" ] { } "";
      libcap = debian "libcap" [ "libcap2-bin" ] { } "";
      jq = debian "jq" [ "jq" ] { } "";
      lndir = lndir-script;
      xorg = {
        lndir = lndir-script;
        xauth = stub "xauth";
        xwininfo = stub "xwininfo";
      };
      installShellFiles = theSet.callPackage (corepkgs + "/pkgs/installShellFiles") { };
      versionCheckHook = theSet.callPackage (corepkgs + "/pkgs/versionCheckHook") { };
      lndir-script = raw "lndir" { } ''
        mkdir -p $out/bin
        cat >$out/bin/lndir <<'EOF'
        #!/bin/bash
        # The small part of lndir that is asked for here: links into an empty or partly filled folder.
        shift_silent() { :; }
        [ "$1" = -silent ] && shift
        cp -rsn "$1/." "''${2:-.}/"
        EOF
        chmod +x $out/bin/lndir
      '';
      rsync = debian "rsync" [ "rsync" ] { } "";
      file = debian "file" [ "file" ] { } "";
      strace = debian "strace" [ "strace" ] { } "";
      cpio = debian "cpio" [ "cpio" ] { } "";
      python3 = debian "python3" [ "python3-minimal" "python3" ] {
        withPackages = _: python3;
        pythonOnBuildForHost = python3;
        interpreter = "/usr/bin/python3";
      } "ln -sfn /debian/usr/bin/python3 $out/bin/python";
      python3Minimal = python3;
      perl = debian "perl" [ "perl-base" "perl" ] { withPackages = _: perl; } "";
      perlPackages = lib.genAttrs [ "FileSlurp" "JSON" "NetDBus" "XMLTwig" "ConfigIniFiles" ] stub;
      libxslt = debian "libxslt" [ "xsltproc" ] { } "";
      libxml2 = debian "libxml2" [ "libxml2-utils" ] { } "";
      erofs-utils = debian "erofs-utils" [ "erofs-utils" ] { } "";
      composefs = stub "composefs";
      age = debian "age" [ "age" ] { } "";
      gnupg = debian "gnupg" [ "gpg" "gpg-agent" "gpgconf" "gpgsm" "dirmngr" ] {
        meta.mainProgram = "gpg";
      } "ln -sfn /debian/usr/bin/gpg $out/bin/gpg";
      sudo = debian "sudo" [ "sudo" ] { } "";
      openssh =
        debian "openssh" [ "openssh-server" "openssh-client" "openssh-sftp-server" ]
          {
            meta.mainProgram = "ssh";
            version = "10.0p1";
          }
          ''
            mkdir -p $out/libexec $out/etc/ssh
            ln -s /debian/usr/lib/openssh/sftp-server $out/libexec/sftp-server
            cp /etc/ssh/moduli $out/etc/ssh/moduli
          '';
      openssh_hpn = openssh;
      openssh_gssapi = openssh;
      fuse3 = debian "fuse3" [ "fuse3" ] { } "";
      fuse = debian "fuse" [ "fuse3" ] { } "ln -sfn /debian/usr/bin/fusermount3 $out/bin/fusermount";
      brotli = debian "brotli" [ "brotli" ] { } "";
      libxcrypt = stub "libxcrypt" // {
        enabledCryptSchemeIds = [
          "y"
          "gy"
          "7"
          "2b"
          "2y"
          "2a"
          "6"
        ];
      };
      linux-pam = raw "linux-pam" { } ''
        mkdir -p $out/lib $out/bin
        ln -s /debian/usr/lib/x86_64-linux-gnu/security $out/lib/security
        ln -s /debian/usr/sbin/unix_chkpwd $out/bin/unix_chkpwd
      '';
      pam = linux-pam;
      nix = debian "nix" [ "nix-bin" ] { version = "2.26.3"; } "";
      git = debian "git" [ "git" ] { } "";
      gitMinimal = git;
      dbus = debian "dbus" [ "dbus-daemon" "dbus-bin" ] { } ''
        mkdir -p $out/etc/systemd $out/libexec $out/lib/systemd $out/share
        cp -r /usr/example/dbus/system $out/etc/systemd/system
        cp -r /usr/example/dbus/user $out/etc/systemd/user
        ln -s /debian/usr/lib/dbus-1.0/dbus-daemon-launch-helper $out/libexec/
        ln -s /debian/usr/share/dbus-1 $out/share/dbus-1
      '';
      dbus-broker = stub "dbus-broker";
      glibc = libc;
      glibcLocales =
        raw "glibc-locales" { }
          "mkdir -p $out/lib/locale; : >$out/lib/locale/locale-archive";
      glibcLocalesUtf8 = glibcLocales;
      tzdata =
        raw "tzdata" { }
          "mkdir -p $out/share; ln -s /debian/usr/share/zoneinfo $out/share/zoneinfo";
      kbd = stub "kbd";
      linuxHeaders = raw "linux-headers" { } "mkdir -p $out";
      busybox = debian "busybox" [ "busybox-static" ] { } "";
      iana-etc = raw "iana-etc" { } "mkdir -p $out/etc; : >$out/etc/services; : >$out/etc/protocols";
      cacert = raw "cacert" {
        unbundled = stub "cacert";
        p11kit = stub "cacert";
        hashed = stub "cacert";
      } "mkdir -p $out/etc/ssl/certs; : >$out/etc/ssl/certs/ca-bundle.crt";
      lvm2 = debian "lvm2" [ "lvm2" "dmsetup" ] {
        withCmirror = false;
        vdoSupport = false;
      } "mkdir -p $out/lib/udev/rules.d $out/lib/tmpfiles.d";
      nologin = shadow;
      nscd-debian = debian "nscd" [ "nscd" ] { } "";
      linuxPackages = {
        kernel = raw "linux" {
          version = "6.12.0";
          modDirVersion = "6.12.0";
          features = { };
          config = rec {
            isYes = _: true;
            isNo = _: false;
            isEnabled = _: true;
            isDisabled = _: false;
            isModule = _: false;
            isSet = _: true;
            getValue = _: null;
          };
          target = "bzImage";
          kernelOlder = _version: false;
          kernelAtLeast = _version: true;
          kernelPatches = [ ];
        } "mkdir -p $out/lib/modules/6.12.0; : >$out/bzImage";
        stdenv = theSet.stdenv;
        extend = _: linuxPackages;
        kernelOlder = _: false;
        kernelAtLeast = _: true;
      };
      linuxPackages_latest = linuxPackages;
      linuxKernel.packages.linux_default = linuxPackages;
      linuxPackages_default = linuxPackages;
      linuxPackagesFor = _: linuxPackages;
      systemd =
        debian "systemd" [ "systemd" "systemd-sysv" "udev" "systemd-timesyncd" "systemd-container" ]
          {
            version = "257";
            interfaceVersion = 2;
            withCryptsetup = false;
            withEfi = false;
            withBootloader = false;
            withHostnamed = true;
            withImportd = false;
            withLocaled = true;
            withMachined = false;
            withPortabled = false;
            withTimedated = true;
            withTimesyncd = true;
            withTpm2Tss = false;
            withTpm2Units = false;
            withUtmp = false;
            withLogind = true;
            withNetworkd = true;
            withResolved = false;
            withHomed = false;
            withOomd = false;
            withSysupdate = false;
            withNspawn = false;
            withPam = true;
            withKmod = true;
            withVConsole = true;
            withCoredump = true;
            withRemote = false;
            withFirstboot = false;
            withLibBPF = true;
            withAudit = false;
            kbd = theSet.kbd;
            util-linux = util-linux;
            kmod = kmod;
          }
          ''
            mkdir -p $out/lib $out/share
            ln -s /debian/usr/lib/systemd $out/lib/systemd
            ln -s /debian/usr/lib/udev $out/lib/udev
            ln -s /debian/usr/lib/x86_64-linux-gnu/security $out/lib/security
            ln -s /debian/usr/lib/modules-load.d $out/lib/modules-load.d
            ln -s /debian/usr/share/dbus-1 $out/share/dbus-1
            ln -s /debian/usr/lib/environment.d $out/lib/environment.d
            cp -r /usr/example $out/example
            chmod -R u+w $out/example
            # What Debian leaves out or has elsewhere.
            for file in ${toString absentFromDebian}; do
              mkdir -p "$out/example/$(dirname $file)"
              [ -e "$out/example/$file" ] || : >"$out/example/$file"
            done
          '';
      systemdMinimal = systemd;
      udev = systemd;
      systemd-minimal = systemd;

      # What was built elsewhere.
      userborn = raw "userborn" { } "mkdir -p $out/bin; cp ${parts + "/bin/userborn"} $out/bin/userborn";
      switch-to-configuration-ng =
        raw "switch-to-configuration-ng" { meta.mainProgram = "switch-to-configuration"; }
          "mkdir -p $out/bin; cp ${parts + "/bin/switch-to-configuration"} $out/bin/switch-to-configuration";

      # For home-manager. Nothing of it is registered with Nix, so this Nix does nothing.
      gettext = debian "gettext" [ "gettext" "gettext-base" ] { } "";
      sd-switch =
        raw "sd-switch" { }
          "mkdir -p $out/bin; cp ${parts + "/bin/sd-switch"} $out/bin/sd-switch";
      nix-that-does-nothing = raw "nix" { version = "2.26.3"; } ''
        mkdir -p $out/bin
        for program in nix nix-env nix-store nix-build nix-instantiate nix-channel; do
          printf '#!/bin/sh\nexit 0\n' >$out/bin/$program
          chmod +x $out/bin/$program
        done
      '';

      # What the machines of NixOS's tests name.
      makeFontsCache = _: stub "fonts-cache";
      makeFontsConf = _: stub "fonts-conf";
      aggregateModules = _: stub "modules";
      makeInitrd =
        _:
        stub "initrd"
        // {
          compressor = "gzip";
          compressorExecutableFunction = _: "gzip";
          compressorArgs = [ ];
          ramdisk = stub "initrd";
        };
      makeInitrdNG = makeInitrd;
      makeModulesClosure = _: stub "modules-closure";
      nixos-artwork.wallpapers.simple-dark-gray-bootloader.gnomeFilePath = "/none";
      nixos-artwork.wallpapers.simple-dark-gray-bottom.gnomeFilePath = "/none";
      qemu_test = stub "qemu" // {
        ga = stub "qemu-guest-agent";
      };
      unixtools = lib.genAttrs [ "xxd" "hexdump" "ps" "netstat" "ifconfig" ] stub;
      python3Packages =
        lib.genAttrs [
          "junit-xml"
          "ptpython"
          "pytest"
          "colorama"
          "remote-pdb"
          "mypy"
          "black"
          "ruff"
        ] stub
        // {
          buildPythonApplication = arguments: stub (arguments.pname or "python-application");
          callPackage = lib.callPackageWith (theSet // theSet.python3Packages);
        };

      mkShell = _: stub "shell";
      nixfmt-tree = stub "nixfmt-tree";

      # Rust, with the hooks of nixpkgs and a toolchain from outside

      rustc =
        raw "rustc"
          {
            targetPlatforms = lib.platforms.all;
            badTargetPlatforms = [ ];
            version = "1.95";
          }
          "mkdir -p $out/bin; for program in ${toString rustToolchain}/bin/*; do ln -s $program $out/bin/; done";
      cargo = rustc;
      cargo-auditable = stub "cargo-auditable" // {
        meta.broken = true;
      };
      rust = theSet.callPackage (corepkgs + "/build-support/rust/lib") { };
      cargo-nextest = stub "cargo-nextest";
      windows.pthreads = stub "pthreads";
      clang = stub "clang" // {
        cc = stub "clang-cc";
      };
      tests = { };
      pkgsCross = { };
      generateSplicesForMkScope = _: { };
      makeScopeWithSplicing' = { f, ... }: lib.makeScope theSet.newScope f;
      makeRustPlatform = theSet.callPackage (corepkgs + "/pkgs/rust/make-rust-platform.nix") { };
      rustPlatform = makeRustPlatform { inherit (theSet) rustc cargo; };
      # A crate from the folder; its hash is checked as ever.
      fetchurl =
        {
          name,
          url,
          sha256,
        }:
        derivation {
          inherit name system;
          builder = "/bin/bash";
          args = [
            "-euc"
            ''
              export PATH=/usr/bin
              name=${name}
              name=''${name#crate-}
              cp "${toString crates}/''${name%.tar.gz}.crate" $out
              exit 0
            ''
          ];
          outputHashAlgo = "sha256";
          outputHash = sha256;
          outputHashMode = "flat";
        }
        // {
          inherit url;
        };
    };

  arguments = {
    inherit
      nixpkgs
      corepkgs
      parts
      stubNames
      rustToolchain
      crates
      ;
  };

  theSet = lib.fix (lib.foldl' (lib.flip lib.extends) base overlays);
in
theSet
