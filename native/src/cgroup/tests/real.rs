//! The machine's own hierarchies. As root everything is tried; another user sees only that limits
//! without a cgroup are refused.

use std::process::{Child, Command};

use super::*;

/// A container's cgroups with a name of their own; gone at the end, also of a failed test.
struct Fixture(Cgroups);

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.remove();
    }
}

fn request(name: &str) -> (String, bool) {
    (
        format!("/pavlos-test-{}-{name}", std::process::id()),
        unprivileged(),
    )
}

fn create(name: &str, resources: &str) -> Result<Fixture> {
    let (path, rootless) = request(name);
    let resources: Resources = serde_json::from_str(resources).unwrap();
    let request = Request {
        path: Some(&path),
        id: name,
        rootless,
        annotations: &BTreeMap::new(),
    };
    Cgroups::create(&request, Some(&resources)).map(Fixture)
}

fn root() -> bool {
    if unprivileged() {
        let error = create(
            "user",
            r#"{"pids": {"limit": 10}, "memory": {"limit": 8388608}}"#,
        );
        // Either the caller's cgroup is delegated, or the error says how to have one.
        assert!(error.map_or_else(|error| error.hint.is_some(), |made| made.0.v2().is_some()));
        return false;
    }
    true
}

fn content(cgroups: &Cgroups, controller: &str, v1: &str, v2: &str) -> String {
    match cgroups.v1(controller) {
        Some(directory) => file::read(&directory.join(v1)).unwrap(),
        None => file::read(&cgroups.v2().unwrap().join(v2)).unwrap(),
    }
}

fn sleeper(cgroups: &Cgroups) -> (Child, Pid) {
    let child = Command::new("sleep").arg("1000").spawn().unwrap();
    let pid = Pid::from_child(&child);
    cgroups.add(pid).unwrap();
    (child, pid)
}

#[test]
fn limits_are_set_changed_and_put_back_when_a_change_fails() {
    if !root() {
        return;
    }
    let made = create("limits", r#"{"memory": {"limit": 67108864, "swap": 67108864}, "pids": {"limit": 20}, "cpu": {"quota": 50000, "period": 100000}}"#).unwrap();
    let memory = || content(&made.0, "memory", "memory.limit_in_bytes", "memory.max");
    let pids = || content(&made.0, "pids", "pids.max", "pids.max");
    assert_eq!((memory().as_str(), pids().as_str()), ("67108864", "20"));
    let read = |text| serde_json::from_str::<Resources>(text).unwrap();
    made.0
        .update(
            &read(r#"{"memory": {"limit": 134217728, "swap": 134217728}, "pids": {"limit": -1}}"#),
            false,
        )
        .unwrap();
    assert_eq!((memory().as_str(), pids().as_str()), ("134217728", "max"));
    let impossible =
        r#"{"memory": {"limit": 33554432, "swap": 33554432}, "cpu": {"cpus": "4000"}}"#;
    let error = made.0.update(&read(impossible), false).unwrap_err();
    assert_eq!(error.step, "set linux.resources.cpu.cpus");
    assert!(
        error.subject.ends_with("cpuset.cpus")
            && error.reason.contains("4000")
            && error.hint.is_some(),
        "{error}"
    );
    assert_eq!(memory(), "134217728");
}

#[test]
fn a_container_that_cannot_have_its_limit_leaves_nothing() {
    if !root() {
        return;
    }
    let error = create(
        "refused",
        r#"{"pids": {"limit": 20}, "cpu": {"cpus": "4000"}}"#,
    )
    .map(|_| ())
    .unwrap_err();
    assert!(error.to_string().contains("4000"));
    let (path, _) = request("refused");
    for hierarchy in layout::detect().unwrap() {
        assert!(
            !hierarchy
                .mountpoint
                .join(path.trim_start_matches('/'))
                .exists()
        );
    }
}

#[test]
fn a_process_is_paused_resumed_and_killed_with_its_children() {
    if !root() {
        return;
    }
    let made = create("processes", "{}").unwrap();
    let (mut child, pid) = sleeper(&made.0);
    assert_eq!(made.0.pids().unwrap(), [pid]);
    made.0.freeze().unwrap();
    assert!(made.0.frozen().unwrap());
    made.0.thaw().unwrap();
    assert!(!made.0.frozen().unwrap());
    made.0.freeze().unwrap();
    made.0.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(made.0.pids().unwrap().is_empty());
}

#[test]
fn v1_alone_kills_and_freezes_too() {
    if !root() {
        return;
    }
    let made = create("v1", "{}").unwrap();
    let only_v1 = made
        .0
        .directories()
        .iter()
        .filter(|(name, _)| !name.is_empty());
    let v1 = Cgroups::from_directories(
        only_v1
            .map(|(name, path)| (name.clone(), path.clone()))
            .collect(),
    );
    if v1.v1("freezer").is_none() {
        assert!(made.0.v2().is_some(), "a machine has v1 or v2");
        return;
    }
    let (mut child, pid) = sleeper(&made.0);
    v1.freeze().unwrap();
    assert!(v1.frozen().unwrap());
    assert_eq!(v1.pids().unwrap(), [pid]);
    v1.kill().unwrap();
    assert!(!child.wait().unwrap().success());
}

#[test]
fn removing_takes_what_the_container_made_below_and_is_fine_twice() {
    if !root() {
        return;
    }
    let made = create("nested", "{}").unwrap();
    for directory in made.0.unique() {
        std::fs::create_dir_all(directory.join("inner/most")).unwrap();
    }
    made.0.remove().unwrap();
    assert!(made.0.unique().all(|directory| !directory.exists()));
    made.0.remove().unwrap();
}

#[test]
fn a_second_container_of_the_name_is_refused_while_the_first_runs() {
    if !root() {
        return;
    }
    let made = create("twice", "{}").unwrap();
    let (mut child, _) = sleeper(&made.0);
    let error = create("twice", "{}").map(|_| ()).unwrap_err();
    assert!(error.reason.contains("not empty"), "{error}");
    made.0.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn what_is_used_can_be_read() {
    if !root() {
        return;
    }
    let made = create("stats", r#"{"pids": {"limit": 20}}"#).unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "while :; do :; done"])
        .spawn()
        .unwrap();
    made.0.add(Pid::from_child(&child)).unwrap();
    let used = || made.0.stats().cpu.usage.total;
    assert!((0..1000).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(5));
        used() > 0
    }));
    let stats = made.0.stats();
    assert_eq!(
        (
            stats.pids.current,
            stats.pids.limit,
            stats.memory.usage.limit
        ),
        (1, 20, u64::MAX)
    );
    made.0.kill().unwrap();
    child.wait().unwrap();
}

/// Whether a process inside the cgroups may open a device.
fn read_device(cgroups: &Cgroups, device: &str) -> bool {
    let joins: Vec<String> = cgroups
        .unique()
        .map(|it| format!("echo $$ > {}/cgroup.procs", it.display()))
        .collect();
    let script = format!("{}; exec 3< {device}", joins.join("; "));
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() || text.contains("Operation not permitted"),
        "{text}"
    );
    output.status.success()
}

#[test]
fn device_rules_hold_and_change_in_v1_and_v2() {
    if !root() {
        return;
    }
    let made = create("devices", "{}").unwrap();
    let v2 = made
        .0
        .v2()
        .map(|path| Cgroups::from_directories([(String::new(), path.to_owned())].into()));
    let read = |text: &str| serde_json::from_str::<Resources>(text).unwrap();
    let none = read(r#"{"devices": [{"allow": false, "access": "rwm"}]}"#);
    let kmsg = read(
        r#"{"devices": [{"allow": true, "type": "c", "major": 1, "minor": 11, "access": "r"}]}"#,
    );
    let mixed = read(
        r#"{"devices": [
            {"allow": false, "access": "rwm"},
            {"allow": true, "type": "c", "major": 1, "access": "r"},
            {"allow": true, "type": "c", "major": 10, "minor": 200, "access": "rw"},
            {"allow": true, "type": "c", "major": 4000, "minor": 1000000},
            {"allow": true, "type": "b", "major": 7, "access": "w"},
            {"allow": false, "type": "b", "major": 7, "minor": 3, "access": "w"}
        ]}"#,
    );
    let range = |first: u32| {
        let rule = |minor| {
            format!(
                r#"{{"allow": true, "type": "c", "major": 1, "minor": {minor}, "access": "r"}}"#
            )
        };
        let rules = [first, first + 1, first + 2].map(rule).join(",");
        read(&format!(r#"{{"devices": [{rules}]}}"#))
    };
    for cgroups in [Some(made.0.clone()), v2].into_iter().flatten() {
        cgroups.set(&none, false).unwrap();
        assert!(read_device(&cgroups, "/dev/zero"));
        assert!(!read_device(&cgroups, "/dev/kmsg"));
        cgroups.set(&kmsg, false).unwrap();
        assert!(read_device(&cgroups, "/dev/kmsg"));
        cgroups.set(&none, false).unwrap();
        assert!(!read_device(&cgroups, "/dev/kmsg"));
        cgroups.set(&kmsg, false).unwrap();
        cgroups.set(&mixed, false).unwrap();
        assert!(read_device(&cgroups, "/dev/kmsg"));
        for (first, holds_it) in [(12, false), (11, true), (9, true), (8, false)] {
            cgroups.set(&range(first), false).unwrap();
            assert_eq!(read_device(&cgroups, "/dev/kmsg"), holds_it, "{first}");
        }
    }
}

/// Not a test by itself: what `a_caller_in_a_delegated_cgroup_moves_to_a_leaf` starts there.
#[test]
#[ignore = "runs inside another test"]
fn delegated() {
    let resources: Resources =
        serde_json::from_str(r#"{"hugepageLimits": [{"pageSize": "2MB", "limit": 2097152}]}"#)
            .unwrap();
    for name in ["one", "two"] {
        let request = Request {
            path: None,
            id: name,
            rootless: true,
            annotations: &BTreeMap::new(),
        };
        let made = Cgroups::create(&request, Some(&resources))
            .map(Fixture)
            .unwrap();
        let directory = made.0.v2().unwrap();
        assert!(
            directory.ends_with(format!("delegated/pavlos/{name}")),
            "{}",
            directory.display()
        );
        assert_eq!(
            file::read(&directory.join("hugetlb.2MB.max")).unwrap(),
            "2097152"
        );
    }
}

#[test]
fn a_caller_in_a_delegated_cgroup_moves_to_a_leaf() {
    if !root() {
        return;
    }
    let made = create("delegation", "{}").unwrap();
    let v2 = made.0.v2().unwrap();
    let hugetlb = file::read(&v2.join("cgroup.controllers"))
        .unwrap()
        .contains("hugetlb");
    assert!(
        hugetlb
            || layout::detect()
                .unwrap()
                .iter()
                .any(|it| it.controllers.iter().any(|name| name == "hugetlb"))
    );
    if !hugetlb {
        return;
    }
    file::write(&v2.join("cgroup.subtree_control"), "+hugetlb").unwrap();
    let delegated = v2.join("delegated");
    std::fs::create_dir(&delegated).unwrap();
    for path in [
        delegated.clone(),
        delegated.join("cgroup.procs"),
        delegated.join("cgroup.subtree_control"),
    ] {
        std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
    }
    let test = std::env::current_exe().unwrap();
    let copy = std::env::temp_dir().join(format!("pavlos-test-{}", std::process::id()));
    // By another process: a child of another test that still has it open for writing would make its
    // execution fail.
    let copied = Command::new("cp").arg(test).arg(&copy).status();
    assert!(copied.unwrap().success());
    let script = format!(
        "echo $$ > {}/cgroup.procs && exec setpriv --reuid 65534 --regid 65534 --clear-groups {} --ignored --exact cgroup::tests::delegated",
        delegated.display(),
        copy.display()
    );
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir("/")
        .output()
        .unwrap();
    std::fs::remove_file(copy).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn what_is_frozen_is_no_place_for_a_container() {
    if !root() {
        return;
    }
    let made = create("frozen", "{}").unwrap();
    made.0.freeze().unwrap();
    let error = create("frozen", "{}").err().unwrap();
    assert!(error.reason.contains("frozen"), "{error}");
    made.0.thaw().unwrap();
}
