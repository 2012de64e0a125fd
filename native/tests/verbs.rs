//! Verbs that look at containers or at nothing: ps, features, spec.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::{Place, wait_for};

#[test]
fn ps_lists_the_processes_of_a_container_and_no_other() {
    for mut place in [Place::new(), Place::rootless()] {
        let id = place.bundle(&["sh", "-c", "sleep 1000 & sleep 1000"], |_| {});
        place.supervise(&id);
        let pids = || -> Vec<u64> {
            serde_json::from_str(&place.ok(&["ps", "--format", "json", &id])).unwrap()
        };
        let sleepers = || place.ok(&["ps", &id]).matches(" sleep 1000\n").count();
        wait_for("two sleepers", || sleepers() == 2);
        assert_eq!(pids().len(), 2);
        let init = place.state(&id)["pid"].as_u64().unwrap();
        assert!(pids().contains(&init));
    }
}

/// containerd decides by them whether a container is gone already.
#[test]
fn a_missing_and_an_ended_container_have_the_words_that_engines_look_for() {
    let mut place = Place::new();
    let id = place.bundle(&["true"], |_| {});
    place.supervise(&id);
    place.status(&id);
    let error = |args: &[&str]| {
        let output = place.pavlosc(args);
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let ended = error(&["kill", &id, "KILL"]);
    assert!(ended.contains("container not running"), "{ended}");
    for verb in ["state", "delete", "kill"] {
        let missing = error(&[verb, "never-was"]);
        assert!(missing.contains("does not exist"), "{missing}");
    }
}

#[test]
fn kill_reaches_all_where_the_pid_namespace_is_the_hosts() {
    let mut place = Place::new();
    let id = place.bundle(&["sh", "-c", "sleep 1000 & sleep 1000"], |config| {
        let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
        namespaces.retain(|namespace| namespace["type"] != "pid");
        config["mounts"][0] = json!({"destination": "/proc", "type": "bind", "source": "/proc", "options": ["rbind"]});
    });
    place.supervise(&id);
    let pids = || -> Vec<u64> {
        serde_json::from_str(&place.ok(&["ps", "--format", "json", &id])).unwrap()
    };
    wait_for("both processes", || pids().len() == 2);
    let all = pids();
    place.ok(&["kill", &id, "KILL"]);
    wait_for("their end", || {
        !all.iter().any(|pid| support::is_alive(*pid))
    });
}

#[test]
fn ps_of_an_ended_container_is_empty() {
    let mut place = Place::new();
    let id = place.bundle(&["true"], |_| {});
    place.supervise(&id);
    place.status(&id);
    assert_eq!(place.ok(&["ps", "--format", "json", &id]), "[]\n");
}

#[test]
fn ps_without_a_cgroup_goes_by_the_pid_namespace() {
    let mut place = Place::rootless();
    let id = place.bundle(&["sleep", "1000"], |_| {});
    place.supervise(&id);
    let mut record = place.record(&id);
    record["cgroup"] = json!({});
    let path = place.dir.join("state").join(&id).join("state.json");
    let kept = fs::read(&path).unwrap();
    fs::write(&path, record.to_string()).unwrap();
    let expected = format!("[{}]\n", record["pid"]);
    assert_eq!(place.ok(&["ps", "--format", "json", &id]), expected);
    fs::write(&path, kept).unwrap();
}

#[test]
fn features_names_the_version_and_what_is_supported() {
    let features: Value = serde_json::from_str(&Place::new().ok(&["features"])).unwrap();
    assert_eq!(features["ociVersionMax"], json!("1.3.0"));
    assert_eq!(features["linux"]["seccomp"]["enabled"], json!(true));
    assert_eq!(
        features["linux"]["mountExtensions"]["idmap"]["enabled"],
        json!(true)
    );
}

#[test]
fn the_example_of_spec_runs() {
    for (place, options) in [
        (Place::new(), &["spec"][..]),
        (Place::rootless(), &["spec", "--rootless"]),
    ] {
        let id = format!("spec-{}-{}", std::process::id(), place.uid);
        let written = place.command(options).current_dir(&place.dir).output();
        assert!(written.unwrap().status.success());
        let path = place.dir.join("config.json");
        let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        config["root"]["path"] = json!("root");
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(["sh", "-c", "id -u; hostname; ls /sys/class | wc -l"]);
        fs::write(&path, config.to_string()).unwrap();
        let output = place.ok(&["run", "--bundle", place.dir.to_str().unwrap(), &id]);
        assert!(output.starts_with("0\npavlosc\n"), "{output}");
    }
}

#[test]
fn spec_replaces_no_file() {
    let place = Place::new();
    let path = place.dir.join("config.json");
    fs::write(&path, "mine").unwrap();
    let output = place
        .command(&["spec"])
        .current_dir(&place.dir)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("config.json: it exists already (remove it first"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}

#[test]
fn a_created_container_keeps_its_configuration_and_its_hooks() {
    let mut place = Place::new();
    let note = place.dir.join("note");
    let script = format!("cat > {}", note.display());
    let id = place.bundle(&["true"], |config| {
        let hook = serde_json::json!({"path": "/bin/sh", "args": ["sh", "-c", script]});
        config["hooks"] = serde_json::json!({"poststop": [hook]});
    });
    let bundle = place.dir.join(&id);
    // Its output is the caller's: nothing may wait for its end.
    let created = place
        .command(&["create", "--bundle", bundle.to_str().unwrap(), &id])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    assert!(created.unwrap().success());
    // What the bundle becomes is not this container's.
    std::fs::write(bundle.join("config.json"), "{}").unwrap();
    place.ok(&["start", &id]);
    support::wait_for("end", || place.state(&id)["status"] == "stopped");
    place.ok(&["delete", &id]);
    let state: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&note).unwrap()).unwrap();
    assert_eq!(
        (state["id"].as_str(), state["status"].as_str()),
        (Some(id.as_str()), Some("stopped"))
    );
}

#[test]
fn limits_can_be_updated_one_by_one() {
    let mut place = Place::new();
    let id = place.bundle(&["sleep", "1000"], |_| {});
    place.supervise(&id);
    place.ok(&["update", "--pids-limit", "77", &id]);
    let read = place.ok(&["exec", &id, "true"]);
    assert_eq!(read, "");
    let limits: Vec<String> = std::fs::read_dir("/sys/fs/cgroup")
        .unwrap()
        .flatten()
        .map(|entry| entry.path().join("pavlosc-test").join(&id).join("pids.max"))
        .chain([std::path::PathBuf::from("/sys/fs/cgroup/pavlosc-test")
            .join(&id)
            .join("pids.max")])
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .map(|text| text.trim().to_owned())
        .collect();
    assert!(limits.contains(&"77".to_owned()), "{limits:?}");
    let output = place.pavlosc(&["update", "--memory", "much", &id]);
    assert!(!output.status.success());
}

#[test]
fn a_failed_poststart_hook_stops_the_container() {
    let mut place = Place::new();
    let id = place.bundle(&["sleep", "1000"], |config| {
        config["hooks"] = serde_json::json!({"poststart": [{"path": "/bin/false"}]});
    });
    let bundle = place.dir.join(&id);
    let output = place.pavlosc(&["run", "--bundle", bundle.to_str().unwrap(), &id]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("/bin/false"));
    assert!(!place.dir.join("state").join(&id).exists());
}

#[test]
fn a_user_namespace_that_exists_can_be_joined() {
    let mut place = Place::new();
    let first = place.bundle(&["sleep", "1000"], |config| {
        let map = serde_json::json!([{"containerID": 0, "hostID": 0, "size": 65536}]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
        config["linux"]["namespaces"]
            .as_array_mut()
            .unwrap()
            .push(serde_json::json!({"type": "user"}));
    });
    place.supervise(&first);
    let path = format!("/proc/{}/ns/user", place.state(&first)["pid"]);
    let second = place.bundle(&["readlink", "/proc/self/ns/user"], |config| {
        let user = serde_json::json!({"type": "user", "path": path});
        config["linux"]["namespaces"]
            .as_array_mut()
            .unwrap()
            .push(user);
    });
    let bundle = place.dir.join(&second);
    let said = place.ok(&["run", "--bundle", bundle.to_str().unwrap(), &second]);
    assert_eq!(
        said.trim(),
        std::fs::read_link(&path).unwrap().to_str().unwrap()
    );
}

#[test]
fn a_bind_can_have_other_ids_and_a_tmpfs_what_it_covers() {
    let mut place = Place::new();
    let data = place.dir.join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("file"), "x").unwrap();
    let id = place.bundle(
        &["stat", "-c", "%u", "/data/file", "/etc/passwd"],
        |config| {
            let map = serde_json::json!([{"containerID": 0, "hostID": 4000, "size": 1}]);
            let mounts = config["mounts"].as_array_mut().unwrap();
            mounts.push(
                serde_json::json!({"destination": "/data", "type": "bind", "source": data,
            "options": ["bind", "idmap"], "uidMappings": map, "gidMappings": map}),
            );
            mounts.push(
                serde_json::json!({"destination": "/etc", "type": "tmpfs", "source": "tmpfs",
            "options": ["tmpcopyup"]}),
            );
        },
    );
    let bundle = place.dir.join(&id);
    let output = place.pavlosc(&["run", "--bundle", bundle.to_str().unwrap(), &id]);
    let error = String::from_utf8_lossy(&output.stderr);
    // Some filesystems cannot be mapped; then that is what is said.
    if output.status.success() {
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "4000\n0");
    } else {
        assert!(error.contains("mapped ids"), "{error}");
    }
}

/// What it makes where systemd runs the machine: test/vm/test.
#[test]
fn where_systemd_cannot_make_a_cgroup_nothing_is_made() {
    let mut place = Place::new();
    let mut refused = |path: &str, words: &[&str], options: &[&str]| {
        let id = place.bundle(&["true"], |config| {
            config["linux"]["cgroupsPath"] = path.into();
        });
        let bundle = place.dir.join(&id);
        let end = ["run", "--bundle", bundle.to_str().unwrap(), &id];
        let output = place.pavlosc(&[options, &end].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{path}");
        assert!(words.iter().any(|word| error.contains(word)), "{error}");
        assert!(!place.dir.join("state").join(&id).exists());
    };
    // The machine's fault comes first, where it has one.
    let machine = ["busctl", "cgroup version 2 alone"];
    refused(
        "/a/path",
        &[&machine[..], &["slice:prefix:name"]].concat(),
        &["--systemd-cgroup"],
    );
    refused(
        "a.slice:b:c/d",
        &[&machine[..], &["name of a scope"]].concat(),
        &["--cgroup-manager", "systemd"],
    );
    refused("/a", &["no such manager"], &["--cgroup-manager", "other"]);
    refused("system.slice:b:c", &["--systemd-cgroup"], &[]);
}
