"""What the machines are put through. Each scenario is a function of a machine, its kind and the kit, and raises Failure."""

import os

from machine import Failure

SECRETS = "find /run/secrets/ /run/secrets-for-users/ -printf '%p %i %m %U %G %T@\\n' 2>/dev/null; readlink /run/secrets /run/secrets-for-users; true"
STARTS = "systemctl show -p Id,ActiveEnterTimestampMonotonic,InvocationID restarted.service reloaded.service undisturbed.service user.service"


def installs_by_script(kind):
    return kind in ("theirs", "ours-script")


def has_users(kind):
    return kind not in ("ours-regular", "theirs-unit")


def start(machine, kind, kit, variant="first"):
    for suffix in ("", ".pub"):
        content = (kit.files / f"host_key{suffix}").read_bytes()
        machine.put(f"/etc/ssh/ssh_host_ed25519_key{suffix}", content, 0o600 if suffix == "" else 0o644)
    machine.boot(kit.toplevel(f"{kind}.{variant}"))


def check_boot(machine, kind, kit):
    machine.expect("cat /run/secrets/token", "first-token")
    machine.expect("stat -c '%a %U %G' /run/secrets/token", "400 shop shop")
    machine.expect("stat -c '%a %U %G' /run/secrets/constant", "400 root root")
    machine.expect("stat -c '%a %G' /run/secrets/", "751 keys")
    machine.expect("stat -f -c %T /run/secrets/", "ramfs")
    machine.expect("cat /run/secrets/rendered/shop.toml", 'token = "first-token"')
    machine.expect("stat -c '%a %U %G' /run/secrets/rendered/shop.toml", "440 shop shop")
    machine.expect("readlink /etc/shop/linked", "/run/secrets/deep/linked")
    machine.expect("systemctl is-active user.service", "active")
    machine.expect("cat /var/restarted", "first-token")
    if has_users(kind):
        hashed = (kit.files / "first.hash").read_text()
        machine.expect("getent shadow alice | cut -d: -f2", hashed)
        machine.expect("stat -c '%a %U' /run/secrets-for-users/password", "400 root")
    journal = machine.journal("-b")
    for word in ("ordering cycle", "first-token", "constant-value"):
        if word in journal:
            raise Failure(f"the journal has {word!r}")


def boot(machine, kind, kit):
    """Secrets, templates, owners and passwords are there after a boot, and after another one."""
    start(machine, kind, kit)
    check_boot(machine, kind, kit)
    machine.power_off()
    machine.run_away = None
    machine.boot(kit.toplevel(f"{kind}.first"))
    machine.expect("cat /run/secrets/token", "first-token")
    if has_users(kind):
        machine.expect("getent shadow alice | cut -d: -f2", (kit.files / "first.hash").read_text())
    machine.expect("test -e /var/log/journal && journalctl -b -1 | grep -ci 'ordering cycle'", "0")


def link(machine, kind, kit):
    """The owner of a secret reads it at its path, through the folders that were made for the link."""
    start(machine, kind, kit)
    machine.expect("runuser -u shop -- cat /etc/shop/linked", "constant-value")


def login(machine, kind, kit):
    """The user whose password is a secret gets in with it, and with a new one after a switch."""
    start(machine, kind, kit)
    attempt = "echo %s | runuser -u shop -- su alice -c 'id -un' 2>&1 | tail -1"
    machine.expect(attempt % "alice1", "Password: alice")
    machine.expect(attempt % "wrong", "Password: su: Authentication failure")
    if kind == "theirs-userborn":  # its module does not have userborn run again
        return
    hashed = (kit.files / "second.hash").read_text()
    status, output = machine.switch(kit.toplevel(f"{kind}.password"))
    if status != 0:
        raise Failure(output)
    machine.expect("getent shadow alice | cut -d: -f2", hashed)
    machine.expect(attempt % "alice2", "Password: alice")
    machine.expect(attempt % "alice1", "Password: su: Authentication failure")


def switch_ok(machine, kit, kind, variant, action="test"):
    status, output = machine.switch(kit.toplevel(f"{kind}.{variant}"), action)
    if status != 0:
        raise Failure(f"{action} of {variant} ends with {status}:\n{output}")
    return output


def rotation(machine, kind, kit):
    """A switch with a new value: it is replaced, its units are restarted and reloaded once after that, others are not."""
    start(machine, kind, kit)
    before = machine.out(SECRETS)
    starts = machine.out(STARTS)
    output = switch_ok(machine, kit, kind, "changed", "dry-activate")
    if machine.out(SECRETS) != before or machine.out(STARTS) != starts:
        raise Failure("dry-activate changes something")
    # In unit mode it is the check before the switch that says so.
    if installs_by_script(kind) or kind.startswith("ours"):
        for words in ("would modify secret: token", "would restart restarted.service", "would reload reloaded.service"):
            if words not in output:
                raise Failure(f"dry-activate does not say {words!r}:\n{output}")
    switch_ok(machine, kit, kind, "changed")
    machine.expect("cat /run/secrets/token", "second-token")
    machine.expect("cat /run/secrets/rendered/shop.toml", 'token = "second-token"')
    machine.expect_soon("cat /var/restarted", "first-token\nsecond-token")
    machine.expect_soon("cat /var/reloaded-again", "second-token")
    machine.expect("cat /var/reloaded", "first-token")
    machine.expect("cat /var/undisturbed", "first-token")
    machine.expect("ls /run/secrets.d | wc -l", "1")
    again = machine.out(SECRETS)
    starts = machine.out(STARTS)
    switch_ok(machine, kit, kind, "changed")
    if machine.out(SECRETS) != again or machine.out(STARTS) != starts:
        raise Failure(f"a switch without a change changes something:\n{again}\n{machine.out(SECRETS)}")
    # Back to the generation before.
    switch_ok(machine, kit, kind, "first")
    machine.expect("cat /run/secrets/token", "first-token")
    machine.expect_soon("cat /var/restarted", "first-token\nsecond-token\nfirst-token")
    machine.expect("systemctl is-system-running", "running")


def set_of_secrets(machine, kind, kit):
    """A secret more, one with another path, one with another owner."""
    start(machine, kind, kit)
    switch_ok(machine, kit, kind, "added")
    machine.expect("cat /run/secrets/added", "constant-value")
    machine.expect("cat /var/restarted", "first-token")
    switch_ok(machine, kit, kind, "removed")
    machine.expect("test -e /run/secrets/added || echo gone", "gone")
    machine.expect("readlink /etc/shop/elsewhere", "/run/secrets/deep/linked")
    machine.expect("test -L /etc/shop/linked || echo gone", "gone")
    switch_ok(machine, kit, kind, "owner")
    machine.expect("stat -c %U /run/secrets/token", "other")
    machine.expect("systemctl is-system-running", "running")


def broken(machine, kind, kit):
    """A file that nothing opens: ours refuses the switch before a unit stops; otherwise it fails and the old secrets stay."""
    start(machine, kind, kit)
    before = machine.out(SECRETS)
    starts = machine.out(STARTS + " sshd.service dbus.service")
    system = machine.out("readlink -f /run/current-system")
    environments = [""]
    if kind.startswith("ours"):
        for action in ("check", "dry-activate", "test"):
            status, output = machine.switch(kit.toplevel(f"{kind}.broken"), action)
            # Nothing comes to harm by a dry run, which only warns. The way on is named in any case.
            if (status == 0) != (action == "dry-activate") or "no identity opens it" not in output:
                raise Failure(f"{action} ends with {status}:\n{output}")
            if action != "dry-activate" and "NIXOS_NO_CHECK=1" not in output:
                raise Failure(f"{action} does not say how to go on:\n{output}")
            if machine.out("readlink -f /run/current-system") != system:
                raise Failure(f"the system changed although {action} was refused")
            if machine.out(STARTS + " sshd.service dbus.service") != starts:
                raise Failure(f"units were touched although {action} was refused")
        environments = ["NIXOS_NO_CHECK=1"]
        status, output = machine.switch(kit.toplevel(f"{kind}.changed"), "check")
        if status != 0:
            raise Failure(f"check of a good configuration: {status}\n{output}")
    for environment in environments:
        status, output = machine.switch(kit.toplevel(f"{kind}.broken"), "test", environment)
        wanted = 2 if installs_by_script(kind) else 4
        if status != wanted:
            raise Failure(f"the switch ends with {status}, not {wanted}:\n{output}")
        if "no identity opens it" not in output:
            raise Failure(f"the switch does not say why:\n{output}")
    if machine.out(SECRETS) != before:
        raise Failure("the secrets were touched")
    if machine.out(STARTS) != starts[: len(machine.out(STARTS))]:
        raise Failure("services were restarted")
    switch_ok(machine, kit, kind, "changed")
    machine.expect("cat /run/secrets/token", "second-token")
    machine.expect("systemctl is-system-running", "running")


def broken_password(machine, kind, kit):
    """The same with the secret of a password."""
    start(machine, kind, kit)
    hashed = (kit.files / "first.hash").read_text()
    environment = ""
    if kind.startswith("ours"):
        status, output = machine.switch(kit.toplevel(f"{kind}.password-broken"))
        if status == 0 or "no identity opens it" not in output:
            raise Failure(f"the switch is not refused: {status}\n{output}")
        environment = "NIXOS_NO_CHECK=1"
    status, output = machine.switch(kit.toplevel(f"{kind}.password-broken"), "test", environment)
    if status == 0:
        raise Failure(f"the switch succeeds:\n{output}")
    machine.expect("getent shadow alice | cut -d: -f2", hashed)
    machine.expect("cat /run/secrets-for-users/password", hashed)
    switch_ok(machine, kit, kind, "first")
    machine.expect("systemctl is-system-running", "running")


def none(machine, kind, kit):
    """The last secret leaves the configuration: with ours everything goes, and a reboot has nothing either."""
    start(machine, kind, kit)
    switch_ok(machine, kit, kind, "none")
    if kind.startswith("ours"):
        machine.expect("find /run/secrets/ /run/secrets-for-users/ -mindepth 1 2>/dev/null", "")
        machine.expect("test -L /etc/shop/linked || echo gone", "gone")
    machine.expect("systemctl is-system-running", "running")
    switch_ok(machine, kit, kind, "first")
    machine.expect("cat /run/secrets/token", "first-token")


def bootloader(machine, kind, kit):
    """`boot` activates nothing; the next boot does."""
    start(machine, kind, kit)
    before = machine.out(SECRETS)
    switch_ok(machine, kit, kind, "changed", "boot")
    if machine.out(SECRETS) != before:
        raise Failure("boot changes the secrets")
    machine.power_off()
    machine.boot(kit.toplevel(f"{kind}.changed"))
    machine.expect("cat /run/secrets/token", "second-token")


def migration(machine, kind, kit):
    """From the module of sops-nix to ours and back: the secrets stay, and nothing is restarted that does not change."""
    start(machine, kind.replace("ours", "theirs"), kit)
    starts = machine.out(STARTS)
    switch_ok(machine, kit, kind, "first")
    check_boot(machine, kind, kit)
    if machine.out(STARTS) != starts:
        raise Failure("the switch restarts services")
    switch_ok(machine, kit, kind, "changed")
    machine.expect("cat /run/secrets/token", "second-token")
    switch_ok(machine, kit, kind.replace("ours", "theirs"), "first")
    machine.expect("cat /run/secrets/token", "first-token")
    machine.expect("systemctl is-system-running", "running")
    machine.power_off()
    machine.boot(kit.toplevel(f"{kind}.first"))
    machine.expect("cat /run/secrets/token", "first-token")


def check_age(machine, kind, kit, first="first"):
    machine.expect("cat /run/agenix/token", f"{first}-token")
    machine.expect("stat -L -c '%a %U %G' /run/agenix/token", "440 shop shop")
    machine.expect("cat /run/agenix/constant", "constant-value")
    machine.expect("stat -L -c '%a %U' /run/agenix/constant", "400 root")
    machine.expect("readlink -f /etc/shop/linked | sed 's,/[0-9]*/,/N/,'", "/run/agenix.d/N/deep/linked")
    machine.expect("getent shadow alice | cut -d: -f2", (kit.files / "first.hash").read_text())


def agenix(machine, kind, kit):
    """A configuration of agenix, booted and switched."""
    start(machine, kind, kit)
    check_age(machine, kind, kit)
    machine.expect("systemctl is-active user.service", "active")
    switch_ok(machine, kit, kind, "changed")
    check_age(machine, kind, kit, "second")
    switch_ok(machine, kit, kind, "password")
    machine.expect("getent shadow alice | cut -d: -f2", (kit.files / "second.hash").read_text())
    if kind.startswith("ours"):
        status, output = machine.switch(kit.toplevel(f"{kind}.broken"))
        if status == 0 or "no identity opens it" not in output:
            raise Failure(f"the switch is not refused: {status}\n{output}")
    machine.power_off()
    machine.boot(kit.toplevel(f"{kind}.first"))
    check_age(machine, kind, kit)


def agenix_link(machine, kind, kit):
    """The owner of a secret of agenix reads it at its path."""
    start(machine, kind, kit)
    machine.expect("runuser -u shop -- cat /etc/shop/linked", "constant-value")


def agenix_migration(machine, kind, kit):
    """From the module of agenix to ours, by changing only the module, and back."""
    start(machine, "theirs-agenix", kit)
    check_age(machine, "theirs-agenix", kit)
    starts = machine.out(STARTS)
    switch_ok(machine, kit, kind, "first")
    check_age(machine, kind, kit)
    if machine.out(STARTS) != starts:
        raise Failure("the switch restarts services")
    switch_ok(machine, kit, kind, "changed")
    check_age(machine, kind, kit, "second")
    switch_ok(machine, kit, "theirs-agenix", "first")
    check_age(machine, "theirs-agenix", kit)
    machine.expect("systemctl is-system-running", "running")


def together(machine, kind, kit):
    """The unit of a secret changes in the same switch: it starts once more, with the new value."""
    start(machine, kind, kit)
    switch_ok(machine, kit, kind, "both")
    machine.expect_soon("cat /var/restarted", "first-token\nsecond-token")
    machine.expect("sleep 2; cat /var/restarted", "first-token\nsecond-token")


def new_user(machine, kind, kit):
    """The owner of a secret is a user that the same switch makes."""
    start(machine, kind, kit)
    switch_ok(machine, kit, kind, "newuser")
    machine.expect("stat -c %U /run/secrets/token", "fresh")
    machine.expect("systemctl is-system-running", "running")


def lists(machine, kind, kit):
    """Only the lists of units change: no secret is touched and nothing restarts."""
    start(machine, kind, kit)
    before = machine.out(SECRETS + "; " + STARTS)
    switch_ok(machine, kit, kind, "lists")
    if machine.out(SECRETS + "; " + STARTS) != before:
        raise Failure(f"something changed:\n{before}\n{machine.out(SECRETS + '; ' + STARTS)}")


def odd_units(machine, kind, kit):
    """Units to restart that are not there or do not run stop nothing."""
    start(machine, kind, kit)
    status, output = machine.switch(kit.toplevel(f"{kind}.odd"))
    machine.expect("cat /run/secrets/token", "second-token")
    machine.expect_soon("cat /var/restarted", "first-token\nsecond-token")
    machine.said = (status, output)
    if kind == "theirs" or kind == "ours-script":
        return
    if status != 0:
        raise Failure(f"the switch ends with {status}:\n{output}")
    machine.expect("test -e /var/sleeping || echo no", "no")


def first_boot(machine, kind, kit):
    """Without any host key the machine boots all the same; the next switch after there is one installs the secrets."""
    machine.boot(kit.toplevel(f"{kind}.first"), ("running", "degraded"))
    machine.expect_soon("systemctl is-active sshd.service multi-user.target", "active\nactive", 60)
    machine.expect("test -e /run/secrets/token || echo none", "none")
    for suffix in ("", ".pub"):
        machine.put(f"/etc/ssh/ssh_host_ed25519_key{suffix}", (kit.files / f"host_key{suffix}").read_bytes())
    status, output = machine.switch(kit.toplevel(f"{kind}.first"))
    if status != 0:
        raise Failure(f"the switch ends with {status}:\n{output}")
    machine.expect("cat /run/secrets/token", "first-token")
    machine.expect("stat -c '%a %U %G' /run/secrets/token", "400 shop shop")


def regular_extras(machine, kind, kit):
    """Credentials, tmpfs, several generations, a generated key."""
    start(machine, kind, kit)
    switch_ok(machine, kit, kind, "credential")
    machine.expect("systemctl is-active holder.service", "active")
    machine.expect("cat /run/credstore/token", "first-token")
    switch_ok(machine, kit, kind, "tmpfs")
    machine.expect("stat -f -c %T /run/secrets/", "tmpfs")
    machine.expect("cat /run/secrets/token", "first-token")
    machine.expect("test -e /run/credstore/token || echo gone", "gone")
    machine.power_off()
    machine.boot(kit.toplevel(f"{kind}.keep"))
    switch_ok(machine, kit, kind, "generate")
    machine.expect("stat -c '%a %U' /var/lib/sops-nix/key.txt", "600 root")
    machine.expect("cat /run/secrets/token", "first-token")
    machine.expect("systemctl is-system-running", "running")
    machine.power_off()
    machine.boot(kit.toplevel(f"{kind}.credential"))
    machine.expect("systemctl is-active holder.service", "active")
    machine.power_off()
    machine.boot(kit.toplevel(f"{kind}.generate"))
    machine.expect("cat /run/secrets/token", "first-token")


def tmpfs_and_back(machine, kind, kit):
    """The file system in memory changes twice; the machine powers off all the same."""
    start(machine, kind, kit)
    switch_ok(machine, kit, kind, "tmpfs")
    switch_ok(machine, kit, kind, "keep")
    machine.expect("cat /run/secrets/token", "first-token")
    machine.expect("stat -f -c %T /run/secrets/", "ramfs")
    machine.power_off()


# Users with home-manager

ALICE = "runuser -u alice -- env XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/alice "


def home(machine, kind, kit):
    """home-manager makes the unit of a user, who has the secrets after a login and after a switch."""
    machine.put("/home/alice/.ssh/id_ed25519", (kit.files / "host_key").read_bytes())
    (machine.root / "home/alice/.local/state/nix/profiles").mkdir(parents=True)
    for place in [machine.root / "home/alice", *(machine.root / "home/alice").rglob("*")]:
        os.chown(place, 1000, 100)
    (machine.root / "home/alice").chmod(0o700)
    machine.boot(kit.toplevel(f"{kind}.first"))
    place = "/run/user/1000/agenix/token" if "agenix" in kind else "/home/alice/.config/sops-nix/secrets/token"
    machine.expect_soon(f"{ALICE} cat {place}", "first-token")
    machine.expect(f"stat -L -c '%a %U' {place}", "400 alice")
    if "agenix" not in kind:
        machine.expect(f"{ALICE} cat /home/alice/linked", "constant-value")
    switch_ok(machine, kit, kind, "changed")
    machine.expect_soon(f"{ALICE} cat {place}", "second-token")
    machine.expect(f"{ALICE} systemctl --user is-system-running", "running")


# Virtual machines

PROBE = """
cat /run/secrets/token; echo
getent shadow alice | cut -d: -f2
journalctl -b --no-pager | grep -c 'ordering cycle'
journalctl -b -1 --no-pager 2>/dev/null | grep -c 'ordering cycle'
"""


def put_keys(machine, kit):
    for suffix in ("", ".pub"):
        machine.put(f"/etc/ssh/ssh_host_ed25519_key{suffix}", (kit.files / f"host_key{suffix}").read_bytes())


def expect_probe(machine, kind, kit, password=True):
    hashed = (kit.files / "first.hash").read_text() if password else ""
    for _boot in range(2):
        found = machine.boot(kit.toplevel(f"{kind}.first"), PROBE).splitlines()
        wanted = ["first-token", *([hashed] if password else []), "0", "0"]
        if found != wanted:
            raise Failure(f"the probe prints {found}, not {wanted}")


def real_boot(machine, kind, kit):
    """A kernel, udev and a disk: the secrets are there after a boot and a reboot, and nothing is in a cycle."""
    put_keys(machine, kit)
    expect_probe(machine, kind, kit)


def late_key(machine, kind, kit):
    """The key is on a file system that is mounted late."""
    folder = kit.work / "machines" / f"{kind}-key"
    folder.mkdir(exist_ok=True)
    (folder / "key").write_bytes((kit.files / "host_key").read_bytes())
    (folder / "key").chmod(0o600)
    machine.put("/probe", PROBE)
    machine.disk(machine.root)
    machine.disk(folder, 64)
    expect_probe(machine, kind, kit, "late" not in kind)


SCENARIOS = [boot, link, login, rotation, set_of_secrets, broken, broken_password, none, bootloader, migration, together, new_user, lists, odd_units, first_boot, regular_extras, tmpfs_and_back]
OF_AGENIX = [agenix, agenix_link, agenix_migration]
NEEDS_USERS = {login, broken_password}
KINDS = ["ours", "ours-userborn", "ours-script", "ours-regular", "ours-sysusers", "theirs", "theirs-userborn", "theirs-unit"]
OF_HOME = [home]
KINDS_OF_HOME = ["ours-home", "ours-home-agenix"]
VIRTUAL = [
    ("virtual-ours", real_boot),
    ("virtual-userborn", real_boot),
    ("virtual-late", late_key),
    ("virtual-persist", late_key),
    ("virtual-persist-theirs", late_key),
]
KINDS_OF_AGENIX = ["ours-agenix", "ours-agenix-userborn", "theirs-agenix"]


def applies(scenario, kind):
    if (scenario in OF_HOME) != (kind in KINDS_OF_HOME):
        return False
    if (scenario in OF_AGENIX) != (kind in KINDS_OF_AGENIX):
        return False
    if scenario is agenix_migration:
        return kind == "ours-agenix"
    if scenario in (regular_extras, tmpfs_and_back):
        return kind == "ours-regular"
    if scenario is migration:
        return kind in ("ours", "ours-userborn")
    if scenario in NEEDS_USERS and not has_users(kind):
        return False
    # systemd-sysusers sets a password once.
    if kind == "ours-sysusers" and scenario in (login, broken_password, none):
        return False
    return True
