use super::*;

fn place_all(
    mountinfo: &str,
    cgroup: &str,
    path: &str,
    rootless: bool,
) -> Vec<(String, Option<String>)> {
    let path = CgroupPath::new(Some(path), "id").unwrap();
    let shown = |directory: PathBuf| directory.display().to_string();
    parse(mountinfo, cgroup)
        .iter()
        .map(|hierarchy| {
            (
                hierarchy.controllers.join(","),
                place(hierarchy, &path, rootless).map(shown),
            )
        })
        .collect()
}

fn pair(controllers: &str, directory: &str) -> (String, Option<String>) {
    (controllers.to_owned(), Some(directory.to_owned()))
}

const V1: &str = "\
30 23 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/memory rw shared:11 - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd";

#[test]
fn v1_with_two_controllers_in_one_mount() {
    let cgroup = "3:cpu,cpuacct:/user.slice\n2:memory:/user.slice/user-1000.slice\n1:name=systemd:/user.slice/x\n";
    assert_eq!(
        place_all(V1, cgroup, "/pavlos/a", false),
        [
            pair("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct/pavlos/a"),
            pair("memory", "/sys/fs/cgroup/memory/pavlos/a"),
            pair("name=systemd", "/sys/fs/cgroup/systemd/pavlos/a"),
        ]
    );
    assert_eq!(
        place_all(V1, cgroup, "/pavlos/a", true)[1],
        pair(
            "memory",
            "/sys/fs/cgroup/memory/user.slice/user-1000.slice/pavlos/a"
        )
    );
}

const V2: &str = "25 23 0:22 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot";

#[test]
fn v2_in_a_systemd_user_session() {
    let cgroup = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope\n";
    let own = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope/pavlos/a";
    assert_eq!(place_all(V2, cgroup, "pavlos/a", true), [pair("", own)]);
    assert_eq!(place_all(V2, cgroup, "/pavlos/a", true), [pair("", own)]);
    assert_eq!(
        place_all(V2, cgroup, "/pavlos/a", false),
        [pair("", "/sys/fs/cgroup/pavlos/a")]
    );
}

#[test]
fn a_caller_in_its_own_leaf_makes_containers_beside_the_leaf() {
    assert_eq!(
        place_all(V2, "0::/x.scope/pavlos-caller\n", "pavlos/a", true),
        [pair("", "/sys/fs/cgroup/x.scope/pavlos/a")]
    );
}

#[test]
fn a_hybrid_layout_has_both() {
    let mountinfo =
        format!("{V1}\n38 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw");
    let found = parse(&mountinfo, "2:memory:/m\n1:name=systemd:/\n0::/\n");
    assert_eq!(found.len(), 4);
    assert!(found[3].is_v2());
    assert_eq!(
        found[3].own.as_deref(),
        Some(Path::new("/sys/fs/cgroup/unified"))
    );
    assert_eq!(found[0].own, None, "cpu is not in /proc/self/cgroup");
}

#[test]
fn a_container_without_a_cgroup_namespace_sees_only_its_subtree() {
    let mountinfo = "700 690 0:22 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw";
    assert_eq!(
        place_all(mountinfo, "0::/docker/abc\n", "/pavlos/a", false),
        [pair("", "/sys/fs/cgroup/pavlos/a")]
    );
    assert_eq!(
        place_all(mountinfo, "0::/docker/abc/inner\n", "/pavlos/a", false),
        [pair("", "/sys/fs/cgroup/inner/pavlos/a")]
    );
    assert_eq!(
        place_all(mountinfo, "0::/elsewhere\n", "/pavlos/a", false),
        [(String::new(), None)]
    );
}

#[test]
fn a_process_outside_its_cgroup_namespace_has_no_place() {
    assert_eq!(
        place_all(V2, "0::/../x\n", "pavlos/a", true),
        [(String::new(), None)]
    );
}

#[test]
fn a_mountpoint_with_a_space_is_read_back() {
    let found = parse("25 23 0:22 / /a\\040b rw - cgroup2 none rw", "0::/\n");
    assert_eq!(found[0].mountpoint, Path::new("/a b"));
}

#[test]
fn paths_that_leave_the_hierarchy_are_refused() {
    for path in ["/", "a/../../b", "..", "user.slice:pavlos:x"] {
        let error = CgroupPath::new(Some(path), "id").unwrap_err();
        assert!(
            error.hint.is_some() && error.subject == "linux.cgroupsPath",
            "{path}: {error}"
        );
    }
    assert_eq!(
        CgroupPath::new(None, "x").unwrap(),
        CgroupPath {
            below: "pavlos/x".into(),
            absolute: true
        }
    );
    assert_eq!(
        CgroupPath::new(Some("a//./b"), "x").unwrap(),
        CgroupPath {
            below: "a/b".into(),
            absolute: false
        }
    );
}
