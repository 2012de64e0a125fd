//! What went wrong in other runtimes, tried on this one: docs/security.md has the list. Everything an
//! image or a bundle can hold is the attacker's; `outside` is what must stay as it is.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, RenameFlags, mkfifoat, renameat_with};
use serde_json::{Value, json};
use support::Place;

/// How long races are run: a second, or with PAVLOS_LONG a minute.
fn race_time() -> Duration {
    Duration::from_secs(if std::env::var_os("PAVLOS_LONG").is_some() {
        60
    } else {
        1
    })
}

fn run(place: &Place, id: &str) -> Output {
    let bundle = place.dir.join(id);
    place.pavlosc(&["run", "--bundle", bundle.to_str().unwrap(), id])
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", error(output));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A directory of the host with a secret in it, owned by the place's user.
fn outside(place: &Place) -> PathBuf {
    let path = place.dir.join("outside");
    fs::create_dir_all(&path).unwrap();
    fs::write(path.join("secret"), "secret").unwrap();
    std::os::unix::fs::chown(&path, Some(place.uid), Some(place.uid)).unwrap();
    path
}

fn is_untouched(outside: &Path) {
    let names: Vec<_> = fs::read_dir(outside)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["secret"]);
    assert_eq!(
        fs::read_to_string(outside.join("secret")).unwrap(),
        "secret"
    );
}

/// No state, no cgroup.
fn is_gone(place: &Place, id: &str) {
    assert!(
        !place.dir.join("state").join(id).exists(),
        "state of {id} is left"
    );
    for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        for parent in ["pavlosc-test", "pavlos"] {
            let path = hierarchy.path().join(parent).join(id);
            assert!(!path.exists(), "{} is left", path.display());
        }
    }
}

fn both() -> [Place; 2] {
    [Place::new(), Place::rootless()]
}

fn replace_by_link(place: &Place, name: &str, target: &Path) {
    let path = place.dir.join("root").join(name);
    let _ = fs::remove_dir_all(&path);
    symlink(target, path).unwrap();
}

/// CVE-2019-19921, CVE-2023-27561, CVE-2023-28642.
#[test]
fn a_link_in_place_of_proc_or_sys_is_refused() {
    for mut place in both() {
        for name in ["proc", "sys"] {
            let outside = outside(&place);
            replace_by_link(&place, name, &outside);
            let id = place.bundle(&["true"], |config| {
                let sys = json!({"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]});
                config["mounts"].as_array_mut().unwrap().push(sys);
            });
            let output = run(&place, &id);
            assert_eq!(output.status.code(), Some(125));
            assert!(
                error(&output).contains("symbolic link"),
                "{}",
                error(&output)
            );
            is_untouched(&outside);
            is_gone(&place, &id);
            fs::remove_file(place.dir.join("root").join(name)).unwrap();
            fs::create_dir(place.dir.join("root").join(name)).unwrap();
        }
    }
}

/// CVE-2026-41579, CVE-2026-47766 and the like: /dev and what lies below it.
#[test]
fn a_link_in_place_of_dev_leads_nowhere() {
    for mut place in both() {
        let outside = outside(&place);
        replace_by_link(&place, "dev", &outside);
        let id = place.bundle(&["true"], |_| {});
        run(&place, &id);
        is_untouched(&outside);
        is_gone(&place, &id);
        fs::remove_file(place.dir.join("root/dev")).unwrap();
        fs::create_dir(place.dir.join("root/dev")).unwrap();
        for name in ["null", "pts", "console", "shm"] {
            symlink(&outside, place.dir.join("root/dev").join(name)).unwrap();
        }
        let id = place.bundle(
            &[
                "sh",
                "-c",
                "test -c /dev/null && test -d /dev/pts && echo fresh",
            ],
            |_| {},
        );
        assert_eq!(said(&run(&place, &id)), "fresh");
        is_untouched(&outside);
    }
}

/// CVE-2021-30465, CVE-2024-45310: the target of a mount is exchanged for a link meanwhile.
#[test]
fn a_mount_target_that_is_exchanged_for_a_link_leads_nowhere() {
    let mut place = Place::new();
    let outside = outside(&place);
    let root = place.dir.join("root");
    fs::create_dir(root.join("target")).unwrap();
    symlink(&outside, root.join("link")).unwrap();
    // What is bound would appear, and directories would be made, in `outside`.
    let id = place.bundle(&["true"], |config| {
        for below in ["a", "b/c", "d"] {
            let mount = json!({"destination": format!("/target/{below}"), "type": "tmpfs", "source": "tmpfs"});
            config["mounts"].as_array_mut().unwrap().push(mount);
        }
    });
    let stop = AtomicBool::new(false);
    let (mut good, mut rounds) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let (one, other) = (root.join("target"), root.join("link"));
                renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let end = Instant::now() + race_time();
        while Instant::now() < end || rounds < 5 {
            let output = run(&place, &id);
            good += u32::from(output.status.success());
            rounds += 1;
        }
        stop.store(true, Ordering::Relaxed);
    });
    is_untouched(&outside);
    is_gone(&place, &id);
    assert!(rounds >= 5, "{good} of {rounds} ran");
}

/// CVE-2024-21626: descriptors of the host, and a working directory through one of them.
#[test]
fn no_descriptor_of_the_host_is_open_inside_and_none_is_a_way_out() {
    for mut place in both() {
        let outside = outside(&place);
        let file = File::open(&outside).unwrap();
        // Inheritable, as a careless caller leaves it.
        rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).unwrap();
        let id = place.bundle(&["ls", "/proc/self/fd"], |_| {});
        let open: Vec<u32> = said(&run(&place, &id))
            .lines()
            .map(|fd| fd.parse().unwrap())
            .collect();
        assert!(open.iter().all(|fd| *fd <= 3), "{open:?}");
        for number in (3..12).chain([file.as_raw_fd()]) {
            for way in [
                format!("/proc/self/fd/{number}"),
                format!("/proc/1/fd/{number}"),
            ] {
                let id = place.bundle(&["cat", "secret"], |config| {
                    config["process"]["cwd"] = json!(way)
                });
                let output = run(&place, &id);
                assert!(
                    !output.status.success() && output.stdout.is_empty(),
                    "{way} leads out"
                );
                is_gone(&place, &id);
            }
        }
        is_untouched(&outside);
    }
}

/// The same for a process that joins.
#[test]
fn exec_has_no_working_directory_outside() {
    let mut place = Place::new();
    let id = place.bundle(&["sh", "-c", "while :; do sleep 0.05; done"], |_| {});
    place.supervise(&id);
    for number in 3..12 {
        let cwd = format!("/proc/self/fd/{number}");
        let output = place.pavlosc(&["exec", "--cwd", &cwd, &id, "cat", "state/secret"]);
        assert_ne!(output.status.code(), Some(0), "{cwd} leads out");
    }
}

/// CVE-2019-5736: whoever is root inside writes to the program that entered the container.
#[test]
fn the_program_that_enters_a_container_cannot_be_overwritten() {
    let mut place = Place::new();
    let copy = place.dir.join("pavlosc");
    support::program::copy(env!("CARGO_BIN_EXE_pavlosc"), &copy);
    let before = fs::read(&copy).unwrap();
    let root = place.dir.join("root");
    // Both ways by which an image gets the runtime executed once more.
    fs::write(root.join("bin/again"), "#!/proc/self/exe\n").unwrap();
    fs::set_permissions(root.join("bin/again"), PermissionsExt::from_mode(0o755)).unwrap();
    let attack = "while :; do for exe in /proc/[0-9]*/exe; do case $(readlink $exe) in */busybox) ;; *) \
        (echo overwritten > $exe) 2>/dev/null && echo overwritten;; esac; done; done";
    let all = json!([
        "CAP_DAC_OVERRIDE",
        "CAP_SYS_PTRACE",
        "CAP_SYS_ADMIN",
        "CAP_FOWNER",
        "CAP_CHOWN"
    ]);
    let id = place.bundle(&["sh", "-c", attack], |config| {
        for set in ["bounding", "effective", "permitted"] {
            config["process"]["capabilities"][set] = all.clone();
        }
    });
    let call = |args: &[&str]| {
        let mut command = Command::new(&copy);
        command
            .arg("--root")
            .arg(place.dir.join("state"))
            .args(args);
        command.stdin(std::process::Stdio::null()).output().unwrap()
    };
    let bundle = place.dir.join(&id);
    assert!(
        call(&[
            "run",
            "--supervise",
            "--bundle",
            bundle.to_str().unwrap(),
            &id
        ])
        .status
        .success()
    );
    for _ in 0..10 {
        for command in ["/proc/self/exe", "/bin/again", "/bin/true"] {
            call(&["exec", &id, command, "--version"]);
        }
    }
    assert!(call(&["stop", &id]).status.success());
    assert!(
        fs::read(&copy).unwrap() == before,
        "the program was changed"
    );
    assert!(place.log(&id).is_empty(), "{:?}", place.log(&id));
}

/// Account files that are no files, lead elsewhere, or have no end.
#[test]
fn hostile_account_files_neither_hang_nor_lead_out() {
    for mut place in both() {
        let outside = outside(&place);
        fs::write(outside.join("secret"), "evil:x:0:0::/root:/bin/sh\n").unwrap();
        let etc = place.dir.join("root/etc");
        let passwd = etc.join("passwd");
        let attempts: [&dyn Fn(); 3] = [
            &|| mkfifoat(CWD, &passwd, Mode::from_raw_mode(0o666)).unwrap(),
            &|| symlink(outside.join("secret"), &passwd).unwrap(),
            &|| File::create(&passwd).unwrap().set_len(1 << 40).unwrap(),
        ];
        for attempt in attempts {
            fs::remove_file(&passwd).unwrap();
            attempt();
            let id = place.bundle(&["echo", "0"], |config| {
                config["annotations"] = json!({"io.pavlos.user": "evil"});
            });
            let output = run(&place, &id);
            assert!(
                !output.status.success() && error(&output).contains("evil"),
                "{}",
                error(&output)
            );
            let id = place.bundle(&["echo", "0"], |_| {});
            assert_eq!(said(&run(&place, &id)), "0");
        }
    }
}

/// CVE-2026-30892: what names a user is a number or a name, never something near it.
#[test]
fn users_are_never_guessed() {
    let mut place = Place::new();
    let passwd = "root:x:0:0::/root:/bin/sh\n1:x:0:0::/root:/bin/sh\n";
    fs::write(place.dir.join("root/etc/passwd"), passwd).unwrap();
    let id = place.bundle(&["sh", "-c", "while :; do sleep 0.05; done"], |_| {});
    place.supervise(&id);
    assert_eq!(
        said(&place.pavlosc(&["exec", "--user", "1", &id, "id", "-u"])),
        "1"
    );
    for wrong in [
        "-1",
        "+0",
        " 0",
        "0x0",
        "4294967295",
        "4294967296",
        "1:",
        ":",
        "",
        "00:0:0",
        "0\n",
        "nobody",
    ] {
        let output = place.pavlosc(&["exec", &format!("--user={wrong}"), &id, "id", "-u"]);
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{wrong:?} is taken"
        );
    }
}

/// CVE-2025-31133, CVE-2025-52565: the device that masks, and the terminal.
#[test]
fn devices_that_were_swapped_are_refused() {
    for mut place in both() {
        let outside = outside(&place);
        let dev = place.dir.join("dev");
        fs::create_dir_all(dev.join("pts")).unwrap();
        symlink(outside.join("secret"), dev.join("null")).unwrap();
        fs::write(dev.join("pts/ptmx"), "no terminal").unwrap();
        symlink(outside.join("secret"), dev.join("console")).unwrap();
        let bind = json!([{"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "bind", "source": dev, "options": ["rbind", "rw"]}]);
        let id = place.bundle(&["cat", "/etc/passwd"], |config| {
            config["mounts"] = bind.clone();
            config["linux"]["maskedPaths"] = json!(["/etc/passwd"]);
        });
        let output = run(&place, &id);
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "masked by something else"
        );
        let id = place.bundle(&["true"], |config| {
            config["mounts"] = bind;
            config["process"]["terminal"] = json!(true);
        });
        let output = run(&place, &id);
        assert!(!output.status.success(), "a file for a terminal");
        is_untouched(&outside);
        is_gone(&place, &id);
    }
}

/// CVE-2025-52881: what is written to /proc goes to the kernel.
#[test]
fn settings_are_not_redirected_by_mounts_over_proc() {
    let mut place = Place::new();
    let fake = place.dir.join("fake");
    fs::create_dir_all(fake.join("net/ipv4")).unwrap();
    fs::write(fake.join("net/ipv4/ip_forward"), "fake").unwrap();
    fs::write(place.dir.join("score"), "fake").unwrap();
    let id = place.bundle(&["sh", "-c", "umount /proc/sys; cat /proc/sys/net/ipv4/ip_forward"], |config| {
        let mounts = config["mounts"].as_array_mut().unwrap();
        mounts.push(json!({"destination": "/proc/sys", "type": "bind", "source": fake, "options": ["bind"]}));
        config["linux"]["sysctl"] = json!({"net.ipv4.ip_forward": "1"});
        config["process"]["oomScoreAdj"] = json!(500);
        for set in ["bounding", "effective", "permitted"] {
            config["process"]["capabilities"][set] = json!(["CAP_SYS_ADMIN"]);
        }
    });
    assert_eq!(said(&run(&place, &id)), "1");
    assert_eq!(
        fs::read_to_string(fake.join("net/ipv4/ip_forward")).unwrap(),
        "fake"
    );
}

/// CVE-2023-25809: the host's cgroups through a cgroup mount.
#[test]
fn a_cgroup_mount_shows_the_containers_own_only() {
    for mut place in both() {
        for shared in [false, true] {
            let script = "cat /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs 2>/dev/null | sort -u | wc -l";
            let id = place.bundle(&["sh", "-c", script], |config| {
                let mount = json!({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                    "options": ["ro", "nosuid"]});
                config["mounts"].as_array_mut().unwrap().push(mount);
                if shared {
                    let kinds = config["linux"]["namespaces"].as_array_mut().unwrap();
                    kinds.retain(|kind| kind["type"] != "cgroup");
                }
            });
            fs::create_dir_all(place.dir.join("root/sys/fs/cgroup")).unwrap();
            let output = run(&place, &id);
            // The host has hundreds of processes; the container a handful.
            if output.status.success() {
                let seen: u32 = said(&output).parse().unwrap();
                assert!(seen <= 8, "{seen} processes are seen, shared: {shared}");
            }
            is_gone(&place, &id);
        }
    }
}

/// CVE-2017-5226: characters pushed into the caller's terminal.
#[test]
fn the_callers_terminal_is_never_the_commands() {
    let mut place = Place::new();
    let id = place.bundle(
        &["sh", "-c", "cut -d ' ' -f 6,7 /proc/self/stat; tty"],
        |_| {},
    );
    let bundle = place.dir.join(&id);
    let line = format!(
        "{} --root {} run --bundle {} {id}",
        env!("CARGO_BIN_EXE_pavlosc"),
        place.dir.join("state").display(),
        bundle.display()
    );
    let output = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // The session is the container's first process's, and it has no terminal.
    assert!(text.starts_with("1 0"), "{text}");
    assert!(text.contains("not a tty"), "{text}");
}

/// CVE-2020-5291.
#[test]
fn the_program_is_not_setuid() {
    let mode = fs::metadata(env!("CARGO_BIN_EXE_pavlosc"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o6000, 0);
}

type Change = Box<dyn FnOnce(&mut Value)>;

/// Documents that are wrong in a way that a type does not catch by itself.
#[test]
fn a_hostile_bundle_is_an_error_with_its_step_and_leaves_nothing() {
    let mut place = Place::new();
    let outside = outside(&place);
    let set = |path: &'static [&'static str], value: Value| {
        move |config: &mut Value| {
            let field = path.iter().fold(config, |at, name| &mut at[*name]);
            *field = value;
        }
    };
    let up = "../../../../../../outside";
    let changes: Vec<Change> = vec![
        Box::new(set(&["linux", "cgroupsPath"], json!("/../../escape"))),
        Box::new(set(&["linux", "maskedPaths"], json!(["relative"]))),
        Box::new(set(
            &["linux", "sysctl"],
            json!({"net.../../kernel/core_pattern": "|/x"}),
        )),
        Box::new(set(
            &["linux", "sysctl"],
            json!({"kernel.core_pattern": "|/x"}),
        )),
        Box::new(set(
            &["linux", "namespaces"],
            json!([{"type": "pid"}, {"type": "pid"}]),
        )),
        Box::new(set(
            &["linux", "namespaces"],
            json!([{"type": "mount", "path": "/nowhere"}]),
        )),
        Box::new(set(&["linux", "namespaces"], json!([{"type": "user"}]))),
        Box::new(set(&["linux", "intelRdt"], json!({"closID": "x"}))),
        Box::new(set(&["linux", "netDevices"], json!({"a/b": {}}))),
        Box::new(set(
            &["linux", "memoryPolicy"],
            json!({"mode": "MPOL_NOTHING"}),
        )),
        Box::new(set(&["linux", "rootfsPropagation"], json!("sideways"))),
        Box::new(set(
            &["linux", "seccomp"],
            json!({"defaultAction": "SCMP_ACT_NOTIFY"}),
        )),
        Box::new(set(&["process", "args"], json!([]))),
        Box::new(set(&["process", "args"], json!(["a\u{0}b"]))),
        Box::new(set(&["process", "args"], json!(["/etc/passwd"]))),
        Box::new(set(&["process", "args"], json!(["/not/there"]))),
        Box::new(set(&["process", "cwd"], json!(up))),
        Box::new(set(&["process", "user", "uid"], json!(-1))),
        Box::new(set(
            &["process", "rlimits"],
            json!([{"type": "RLIMIT_NOFILE", "soft": 9, "hard": 1}]),
        )),
        Box::new(set(
            &["process", "rlimits"],
            json!([{"type": "RLIMIT_X", "soft": 1, "hard": 1}]),
        )),
        Box::new(set(&["root", "path"], json!("/nowhere/at/all"))),
        Box::new(set(
            &["mounts"],
            json!([{"destination": "/x", "type": "bind", "source": "/nowhere"}]),
        )),
        Box::new(set(
            &["mounts"],
            json!([{"destination": "/x", "type": "nofs"}]),
        )),
        Box::new(set(
            &["mounts"],
            json!([{"destination": "/x", "type": "tmpfs", "options": ["size=x"]}]),
        )),
        Box::new(set(&["ociVersion"], json!(7))),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let id = place.bundle(&["true"], change);
        let bundle = place.dir.join(&id);
        let output = place.pavlosc(&[
            "--log-format",
            "json",
            "run",
            "--bundle",
            bundle.to_str().unwrap(),
            &id,
        ]);
        assert!(!output.status.success(), "change {number} is accepted");
        let text = error(&output);
        let line: Value = serde_json::from_str(text.lines().next_back().unwrap_or_default())
            .unwrap_or_else(|_| panic!("change {number}: {text}"));
        let filled = |field: &str| line[field].as_str().is_some_and(|text| !text.is_empty());
        assert!(
            filled("step") && filled("reason") && filled("msg"),
            "change {number}: {line}"
        );
        is_gone(&place, &id);
    }
    is_untouched(&outside);
}

/// Text that is no configuration.
#[test]
fn nonsense_in_place_of_a_configuration_is_an_error() {
    let mut place = Place::new();
    let id = place.bundle(&["true"], |_| {});
    let file = place.dir.join(&id).join("config.json");
    let deep = "[".repeat(200_000);
    let long = format!("{{\"ociVersion\": \"{}\"}}", "1".repeat(1 << 20));
    for text in [
        "",
        "{",
        "null",
        "[]",
        "{\"ociVersion\": \"1.0\"} x",
        &deep,
        &long,
        "\u{0}\u{0}",
    ] {
        fs::write(&file, text).unwrap();
        let output = run(&place, &id);
        assert_eq!(output.status.code(), Some(125), "{}", error(&output));
        is_gone(&place, &id);
    }
    fs::remove_file(&file).unwrap();
    let output = run(&place, &id);
    assert!(error(&output).contains("config.json"), "{}", error(&output));
    for wrong in ["..", ".", "a/b", "../x", "a b", "ä", "a\nb", ""] {
        let output = place.pavlosc(&["run", "--bundle", "/nowhere", wrong]);
        assert!(!output.status.success(), "{wrong:?} is taken as an id");
    }
}
