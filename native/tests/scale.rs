//! Many containers, one after another and at once: nothing is left of them, and the last takes no more
//! than the first. 50 and 20; with PAVLOS_LONG 1,000 and 200.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::json;
use support::{Place, wait_for};

fn count(short: usize, long: usize) -> usize {
    if std::env::var_os("PAVLOS_LONG").is_some() {
        long
    } else {
        short
    }
}

/// What the kernel and the disk hold of this test's containers.
fn traces(place: &Place, ids: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let state = place.dir.join("state");
    found.extend(
        fs::read_dir(&state)
            .unwrap()
            .flatten()
            .map(|entry| entry.path().display().to_string()),
    );
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let own = place.dir.display().to_string();
    found.extend(
        mounts
            .lines()
            .filter(|line| line.contains(&own))
            .map(str::to_owned),
    );
    let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().flatten();
    for directory in hierarchies
        .map(|entry| entry.path().join("pavlosc-test"))
        .chain([PathBuf::from("/sys/fs/cgroup/pavlosc-test")])
    {
        for id in ids {
            let path = directory.join(id);
            found.extend(path.exists().then(|| path.display().to_string()));
        }
    }
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
        found.extend(
            ids.iter()
                .any(|id| line.split('\0').any(|part| part == id))
                .then_some(line),
        );
    }
    found
}

#[test]
fn a_thousand_one_after_another_leave_nothing() {
    let mut place = Place::new();
    let rounds = count(50, 1000);
    let id = place.bundle(&["true"], |_| {});
    let bundle = place.dir.join(&id);
    let args = ["run", "--bundle", bundle.to_str().unwrap(), &id];
    // Processor time of the children, which other work on the machine does not lengthen.
    let mut spent = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let before = ticks();
        place.ok(&args);
        spent.push(ticks() - before);
    }
    assert_eq!(traces(&place, std::slice::from_ref(&id)), BTreeSet::new());
    let fifth = rounds / 5;
    let sum = |part: &[u64]| part.iter().sum::<u64>();
    let (first, last) = (sum(&spent[..fifth]), sum(&spent[rounds - fifth..]));
    eprintln!("{rounds} containers: {first} ticks for the first fifth, {last} for the last");
    // A clock tick is as long as a container; only growth by a multiple means something.
    assert!(
        last <= 3 * first + 20,
        "the first fifth took {first} ticks, the last {last}"
    );
}

#[test]
fn two_hundred_at_once_leave_nothing() {
    let mut place = Place::new();
    let many = count(20, 200);
    let ids: Vec<String> = (0..many)
        .map(|_| place.bundle(&["sleep", "1000"], |_| {}))
        .collect();
    let list: Vec<_> = ids
        .iter()
        .map(|id| json!({"id": id, "bundle": place.dir.join(id)}))
        .collect();
    let file = place.dir.join("batch.json");
    fs::write(&file, json!(list).to_string()).unwrap();
    let answers = place.ok(&["run", "--supervise", "--batch", file.to_str().unwrap()]);
    assert_eq!(
        answers
            .lines()
            .filter(|line| line.contains("\"pid\""))
            .count(),
        many,
        "{answers}"
    );
    let listed = place.ok(&["list", "--quiet"]);
    assert_eq!(listed.lines().count(), many);
    let mut stop = vec!["stop"];
    stop.extend(ids.iter().map(String::as_str));
    place.ok(&stop);
    wait_for("end of all supervisors", || traces(&place, &ids).is_empty());
}

/// Clock ticks that ended children of this process have used: fields 16 and 17 of its stat.
fn ticks() -> u64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    let after = text.rsplit(')').next().unwrap();
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap()
}
