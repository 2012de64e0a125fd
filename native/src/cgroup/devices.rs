//! Device rules: v1's lists, or a BPF program on the v2 directory.

mod changes;

use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::{Cgroups, device_program, file};
use crate::error::{Context, Error, Result};
use crate::spec::resources::{DeviceKind, DeviceRule};
use crate::sys;

const FIELD: &str = "linux.resources.devices";

/// A rule, checked. `None` is every number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub allow: bool,
    pub kind: DeviceKind,
    pub major: Option<u32>,
    pub minor: Option<u32>,
    pub read: bool,
    pub write: bool,
    pub mknod: bool,
}

/// Replaces the container's rules by `rules` and the devices that every container has. What no
/// rule names is forbidden.
pub fn set(cgroups: &Cgroups, rules: &[DeviceRule]) -> Result<()> {
    apply(cgroups, &complete(rules)?)
}

/// The same while processes run: on v1, where a list cannot be replaced at once, only what differs
/// is written. (A program on v2 is replaced at once anyway.)
pub fn change(cgroups: &Cgroups, rules: &[DeviceRule]) -> Result<()> {
    let rules = complete(rules)?;
    let Some(directory) = cgroups.v1("devices") else {
        return apply(cgroups, &rules);
    };
    let list = std::fs::read_to_string(directory.join("devices.list"))
        .at("read device rules", directory.display().to_string())?;
    match changes::between(&list, &rules) {
        Some(lines) => lines.iter().try_for_each(|line| {
            let name = if line.allow {
                "devices.allow"
            } else {
                "devices.deny"
            };
            file::write(&directory.join(name), &line_of(line))
        }),
        None => apply(cgroups, &rules),
    }
}

fn complete(rules: &[DeviceRule]) -> Result<Vec<Rule>> {
    let checked = rules.iter().map(check).collect::<Result<Vec<Rule>>>()?;
    Ok(std::iter::once(NOTHING)
        .chain(checked)
        .chain(every_container())
        .collect())
}

fn apply(cgroups: &Cgroups, rules: &[Rule]) -> Result<()> {
    if let Some(directory) = cgroups.v1("devices") {
        return set_v1(directory, rules);
    }
    let Some(directory) = cgroups.v2() else {
        return Err(Error::new(
            "set device rules",
            FIELD,
            "no devices cgroup can be written",
        )
        .hint(super::DELEGATION_HINT));
    };
    let opened = rustix::fs::open(
        directory,
        OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let subject = directory.display().to_string();
    let cgroup = opened.at("open cgroup", subject.clone())?;
    let program = device_program::program(rules)
        .ok_or_else(|| Error::new("set device rules", FIELD, "there are too many"))?;
    sys::bpf::set_device_program(cgroup.as_fd(), &program)
        .at("set device rules", subject)
        .map_err(|error| {
            error.hint(
                "it needs root (CAP_BPF and CAP_NET_ADMIN) and a kernel with CONFIG_CGROUP_BPF",
            )
        })
}

/// v1 takes the lines one by one; what is open stays open.
fn set_v1(directory: &Path, rules: &[Rule]) -> Result<()> {
    let open = |name| {
        let path = directory.join(name);
        let opened = std::fs::OpenOptions::new().write(true).open(&path);
        opened
            .map_err(|error| file::explain(&path, "", &error))
            .map(|file| (file, path))
    };
    let (deny, allow) = (open("devices.deny")?, open("devices.allow")?);
    let mut before = None;
    for rule in rules
        .iter()
        .filter(|rule| before.replace(**rule) != Some(**rule))
    {
        let (mut file, path) = if rule.allow {
            (&allow.0, &allow.1)
        } else {
            (&deny.0, &deny.1)
        };
        let line = line_of(rule);
        file.write_all(line.as_bytes())
            .map_err(|error| file::explain(path, &line, &error))?;
    }
    Ok(())
}

const NOTHING: Rule = Rule {
    allow: false,
    kind: DeviceKind::All,
    major: None,
    minor: None,
    read: true,
    write: true,
    mknod: true,
};

fn check(rule: &DeviceRule) -> Result<Rule> {
    let access = rule
        .access
        .as_deref()
        .filter(|access| !access.is_empty())
        .unwrap_or("rwm");
    if let Some(letter) = access.chars().find(|letter| !"rwm".contains(*letter)) {
        return Err(Error::new(
            "check config.json",
            format!("{FIELD}.access"),
            format!("{letter:?} is none of r, w and m"),
        ));
    }
    let has = |letter| access.contains(letter);
    Ok(Rule {
        allow: rule.allow,
        kind: rule.kind,
        major: number(rule.major)?,
        minor: number(rule.minor)?,
        read: has('r'),
        write: has('w'),
        mknod: has('m'),
    })
}

fn number(value: Option<i64>) -> Result<Option<u32>> {
    match value {
        None | Some(-1) => Ok(None),
        Some(value) => u32::try_from(value).map(Some).map_err(|_| {
            Error::new(
                "check config.json",
                FIELD,
                format!("{value} is not a device number"),
            )
        }),
    }
}

/// null, zero, full, random, urandom, tty, console, ptmx and the terminals; and mknod, which gives
/// no access by itself.
fn every_container() -> impl Iterator<Item = Rule> {
    let rule = |kind, major, minor, access: bool| Rule {
        allow: true,
        kind,
        major,
        minor,
        read: access,
        write: access,
        mknod: true,
    };
    let character = move |major, minor| rule(DeviceKind::Character, Some(major), minor, true);
    let make = [DeviceKind::Character, DeviceKind::Block].map(|kind| rule(kind, None, None, false));
    let memory = [3, 5, 7, 8, 9].map(|minor| character(1, Some(minor)));
    let terminals = [
        character(5, Some(0)),
        character(5, Some(1)),
        character(5, Some(2)),
        character(136, None),
    ];
    make.into_iter().chain(memory).chain(terminals)
}

/// As devices.allow and devices.deny take it. "a" means everything, whatever follows.
fn line_of(rule: &Rule) -> String {
    let kind = match rule.kind {
        DeviceKind::All => "a",
        DeviceKind::Block => "b",
        DeviceKind::Character => "c",
    };
    let number =
        |value: Option<u32>| value.map_or_else(|| "*".to_owned(), |value| value.to_string());
    let access: String = [(rule.read, 'r'), (rule.write, 'w'), (rule.mknod, 'm')]
        .into_iter()
        .filter_map(|(has, letter)| has.then_some(letter))
        .collect();
    format!(
        "{kind} {}:{} {access}",
        number(rule.major),
        number(rule.minor)
    )
}
