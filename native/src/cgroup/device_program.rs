//! Device rules as a BPF program for a v2 cgroup.
//!
//! The kernel checks a program at each load, path by path, and takes longer for that than for all the
//! rest of a container's start when the paths are many. So a rule is one comparison where it can
//! be, rules for numbers that follow each other are one together, what matches jumps away, and
//! what does not match falls through: the checker then goes over the whole chain once, knowing
//! nothing of the numbers, and all that comes later is a case of that.

use std::collections::BTreeMap;

use super::devices::Rule;
use crate::spec::resources::DeviceKind;
use crate::sys::bpf::Instruction;

// Registers. The kernel calls with the request, struct bpf_cgroup_dev_ctx, in REQUEST.
const RESULT: u8 = 0;
const REQUEST: u8 = 1;
const KIND: u8 = 2;
/// The accesses that no rule has decided yet.
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
/// Both numbers in one, as in the kernel's dev_t.
const NUMBER: u8 = 6;
/// How far that is above the first of a range.
const DISTANCE: u8 = 7;

// Codes. Calculations and comparisons are of 32 bits.
const LOAD_WORD: u8 = 0x61;
const SUBTRACT: u8 = 0x14;
const AND: u8 = 0x54;
const OR_REGISTER: u8 = 0x4c;
const SHIFT_LEFT: u8 = 0x64;
const SHIFT_RIGHT: u8 = 0x74;
const SET: u8 = 0xb7;
const COPY: u8 = 0xbc;
const EXIT: u8 = 0x95;
const JUMP: u8 = 0x05;
const IF_EQUAL: u8 = 0x16;
const IF_ANY_BIT: u8 = 0x46;
/// Without a sign.
const IF_AT_MOST: u8 = 0xb6;

// Of linux/bpf.h.
const BLOCK: u32 = 1;
const MKNOD: u32 = 1;
const READ: u32 = 2;
const WRITE: u32 = 4;
const EVERY: u32 = MKNOD | READ | WRITE;

/// Bits of a minor number in the kernel's dev_t (MINORBITS of linux/kdev_t.h); a major has the
/// other 12.
const MINOR_BITS: u32 = 20;

/// Where a jump goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Allow,
    Deny,
    /// The rules for block devices.
    Blocks,
    /// Over that many instructions.
    Over(usize),
}

type Line = (Instruction, Option<Target>);

/// What a comparison is about. Every device comes first: nothing is left behind it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Devices {
    Every,
    Major(u32),
    Minor(u32),
    /// The first and the last of a range, within one major.
    Numbers(u32, u32),
}

/// Looks at the rules from the last to the first. A rule decides the accesses that it names; the
/// request is allowed when all of its accesses are. What no rule decides is forbidden. `None`:
/// more rules than jumps reach over.
pub fn program(rules: &[Rule]) -> Option<Vec<Instruction>> {
    let load = |to, offset| Instruction {
        offset,
        ..instruction(LOAD_WORD, to, REQUEST, 0)
    };
    let plain = |instruction| (instruction, None);
    let mut lines: Vec<Line> = [
        load(KIND, 0),
        immediate(AND, KIND, 0xffff),
        load(ACCESS, 0),
        immediate(SHIFT_RIGHT, ACCESS, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
        instruction(COPY, NUMBER, MAJOR, 0),
        immediate(SHIFT_LEFT, NUMBER, MINOR_BITS),
        instruction(OR_REGISTER, NUMBER, MINOR, 0),
    ]
    .map(plain)
    .into();
    let rules = effective(rules);
    lines.push((immediate(IF_EQUAL, KIND, BLOCK), Some(Target::Blocks)));
    lines.extend(chain(&rules, DeviceKind::Character));
    let blocks = lines.len();
    lines.extend(chain(&rules, DeviceKind::Block));
    let deny = lines.len();
    // Of code that nothing leads to the kernel makes an error.
    let leads_to = |wanted| lines.iter().any(|(_, target)| *target == Some(wanted));
    let (denies, allows) = (leads_to(Target::Deny), leads_to(Target::Allow));
    if denies {
        lines.extend(end_with(0).map(plain));
    }
    let allow = lines.len();
    if allows {
        lines.extend(end_with(1).map(plain));
    }
    let place = |at: usize, target| match target {
        Target::Allow => allow,
        Target::Deny => deny,
        Target::Blocks => blocks,
        Target::Over(count) => at + 1 + count,
    };
    let resolve = |(at, (instruction, target)): (usize, Line)| {
        let offset = match target {
            None => instruction.offset,
            Some(target) => i16::try_from(place(at, target) - at - 1).ok()?,
        };
        Some(Instruction {
            offset,
            ..instruction
        })
    };
    lines.into_iter().enumerate().map(resolve).collect()
}

/// The last first, without those that later ones leave nothing to decide.
fn effective(rules: &[Rule]) -> Vec<&Rule> {
    let mut decided: BTreeMap<(DeviceKind, Option<u32>, Option<u32>), u32> = BTreeMap::new();
    let mut kept = Vec::new();
    for rule in rules.iter().rev().filter(|rule| has_devices(rule)) {
        let mut left = access(rule);
        for kind in [DeviceKind::All, rule.kind] {
            for major in [None, rule.major] {
                for minor in [None, rule.minor] {
                    left &= !decided.get(&(kind, major, minor)).unwrap_or(&0);
                }
            }
        }
        if left != 0 {
            kept.push(rule);
            *decided
                .entry((rule.kind, rule.major, rule.minor))
                .or_default() |= left;
        }
    }
    kept
}

/// The rules that are about devices of a kind, and what is done when none has decided.
fn chain(rules: &[&Rule], kind: DeviceKind) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    // Accesses that may still be undecided.
    let mut open = EVERY;
    let about_kind = |rule: &&Rule| rule.kind == DeviceKind::All || rule.kind == kind;
    let rules: Vec<&Rule> = rules.iter().copied().filter(about_kind).collect();
    let decides = |rule: &Rule| (rule.allow, access(rule));
    // Where neighbours decide the same, it does not matter which comes first.
    for alike in rules.chunk_by(|one, next| decides(one) == decides(next)) {
        for devices in gathered(alike) {
            lines.extend(block(alike[0], devices, open));
            if devices == Devices::Every {
                open &= !access(alike[0]);
            }
            // What comes behind is never reached.
            if open == 0 {
                return lines;
            }
        }
    }
    lines.push((immediate(JUMP, 0, 0), Some(Target::Deny)));
    lines
}

/// All that the rules are about, with numbers that follow each other as one range.
fn gathered(rules: &[&Rule]) -> Vec<Devices> {
    let mut each: Vec<Devices> = rules.iter().map(|rule| devices(rule)).collect();
    each.sort_unstable();
    each.dedup();
    let mut gathered: Vec<Devices> = Vec::new();
    for next in each {
        match (gathered.last_mut(), next) {
            (Some(Devices::Numbers(_, last)), Devices::Numbers(number, _))
                if *last + 1 == number && *last >> MINOR_BITS == number >> MINOR_BITS =>
            {
                *last = number;
            }
            _ => gathered.push(next),
        }
    }
    gathered
}

fn devices(rule: &Rule) -> Devices {
    match (rule.major, rule.minor) {
        (None, None) => Devices::Every,
        (Some(major), None) => Devices::Major(major),
        (None, Some(minor)) => Devices::Minor(minor),
        (Some(major), Some(minor)) => {
            let number = major << MINOR_BITS | minor;
            Devices::Numbers(number, number)
        }
    }
}

/// What `rule` decides about `devices`, where some of the `open` accesses are undecided and no others.
fn block(rule: &Rule, devices: Devices, open: u32) -> Vec<Line> {
    let access = access(rule) & open;
    if access == 0 {
        return Vec::new();
    }
    let end = if rule.allow {
        Target::Allow
    } else {
        Target::Deny
    };
    if access == open {
        return jump(devices, end);
    }
    let decide = if rule.allow {
        vec![
            (immediate(AND, ACCESS, !access), None),
            (immediate(IF_EQUAL, ACCESS, 0), Some(end)),
        ]
    } else {
        vec![(immediate(IF_ANY_BIT, ACCESS, access), Some(end))]
    };
    let mut block = Vec::new();
    if devices != Devices::Every {
        block.extend(jump(devices, Target::Over(1)));
        block.extend(jump(Devices::Every, Target::Over(decide.len())));
    }
    block.extend(decide);
    block
}

/// Goes to `target` with these devices, on with all others.
fn jump(devices: Devices, target: Target) -> Vec<Line> {
    let to = |code, register, value| (immediate(code, register, value), Some(target));
    match devices {
        Devices::Every => vec![to(JUMP, 0, 0)],
        Devices::Major(major) => vec![to(IF_EQUAL, MAJOR, major)],
        Devices::Minor(minor) => vec![to(IF_EQUAL, MINOR, minor)],
        Devices::Numbers(first, last) if first == last => vec![to(IF_EQUAL, NUMBER, first)],
        // What is below the first is, without a sign, farther from it than any number above.
        Devices::Numbers(first, last) => vec![
            (instruction(COPY, DISTANCE, NUMBER, 0), None),
            (immediate(SUBTRACT, DISTANCE, first), None),
            to(IF_AT_MOST, DISTANCE, last - first),
        ],
    }
}

/// Whether the kernel can number a device so.
fn has_devices(rule: &Rule) -> bool {
    let fits = |number: Option<u32>, bits: u32| number.is_none_or(|number| number >> bits == 0);
    fits(rule.major, 32 - MINOR_BITS) && fits(rule.minor, MINOR_BITS)
}

fn access(rule: &Rule) -> u32 {
    let bits = [(rule.mknod, MKNOD), (rule.read, READ), (rule.write, WRITE)];
    bits.into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, bit)| bit)
        .sum()
}

fn end_with(result: u32) -> [Instruction; 2] {
    [immediate(SET, RESULT, result), immediate(EXIT, 0, 0)]
}

fn immediate(code: u8, register: u8, value: u32) -> Instruction {
    instruction(code, register, 0, value)
}

fn instruction(code: u8, to: u8, from: u8, value: u32) -> Instruction {
    Instruction {
        code,
        registers: to | from << 4,
        offset: 0,
        immediate: value.cast_signed(),
    }
}

#[cfg(test)]
#[path = "tests/device_program.rs"]
mod tests;
