//! A profile resolved to system call numbers: what each architecture does with each number.

use std::ops::RangeInclusive;

use super::table::{TABLE, line};
use crate::error::{Error, Result};
use crate::spec::seccomp::{Action, Arch, Condition, Rule, Seccomp};

/// What the kernel is told: an action with its data, as SECCOMP_RET_*.
pub type Verdict = u32;

pub const KILL_THREAD: Verdict = libc::SECCOMP_RET_KILL_THREAD;

/// x32 shares x86_64's architecture; this bit in the number tells it apart.
pub const X32_BIT: u32 = 0x4000_0000;

#[derive(Debug)]
pub struct Policy {
    /// The machine's own first.
    pub machines: Vec<Machine>,
    /// Tests that `Leaf::Test` refers to.
    pub tests: Vec<Vec<Alternative>>,
    pub default: Verdict,
}

/// One value of `seccomp_data.arch`.
#[derive(Debug)]
pub struct Machine {
    pub audit: u32,
    /// The start of each range of numbers and what becomes of them; the first start is 0, and
    /// neighbours differ.
    pub ranges: Vec<(u32, Leaf)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf {
    Return(Verdict),
    Test {
        index: usize,
        /// Arguments have 64 bits, not 32.
        wide: bool,
    },
}

/// The verdict for calls that fulfil all conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct Alternative {
    pub conditions: Vec<Condition>,
    pub verdict: Verdict,
}

/// Resolves names and actions. `native`: the machine's architecture, X86_64 or Aarch64.
pub fn resolve(seccomp: &Seccomp, native: Arch) -> Result<Policy> {
    check(seccomp)?;
    let default = verdict(seccomp.default_action, seccomp.default_errno_ret);
    let mut policy = Policy {
        machines: Vec::new(),
        tests: Vec::new(),
        default,
    };
    let calls = named_calls(seccomp, default, &mut policy.tests);
    // As libseccomp's stub in other runtimes: only where the default forbids.
    let forbids = !matches!(
        seccomp.default_action,
        Action::Allow | Action::Log | Action::Trace
    );
    let newer = if forbids {
        libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()
    } else {
        default
    };
    let listed = |arch| arch == native || seccomp.architectures.contains(&arch);
    for (audit, family, arches) in MACHINES {
        // No other machine's calls can arrive here.
        if *family != native || !arches.iter().any(|(arch, ..)| listed(*arch)) {
            continue;
        }
        let mut ranges = Ranges(Vec::new());
        for (arch, column, bit, wide) in *arches {
            let numbers = *bit..=bit | (X32_BIT - 1);
            if listed(*arch) {
                ranges.add_calls(&calls, (*column, numbers, *wide), (default, newer));
            } else {
                ranges.push(*numbers.start(), Leaf::Return(KILL_THREAD));
            }
        }
        // A tracer skips a call by making its number -1; that must never kill.
        ranges.push(
            0x8000_0000,
            Leaf::Return(if arches.len() > 1 { KILL_THREAD } else { newer }),
        );
        ranges.push(u32::MAX, Leaf::Return(newer));
        policy.machines.push(Machine {
            audit: *audit,
            ranges: ranges.0,
        });
    }
    Ok(policy)
}

type Column = (Arch, usize, u32, bool);

/// Audit value, the machine that can run it, and its architectures: column of the table, bit in
/// the number, 64-bit arguments. A machine's own come first.
const MACHINES: &[(u32, Arch, &[Column])] = &[
    (
        0xc000_003e,
        Arch::X86_64,
        &[(Arch::X86_64, 0, 0, true), (Arch::X32, 2, X32_BIT, false)],
    ),
    (0x4000_0003, Arch::X86_64, &[(Arch::X86, 1, 0, false)]),
    (0xc000_00b7, Arch::Aarch64, &[(Arch::Aarch64, 3, 0, true)]),
    (0x4000_0028, Arch::Aarch64, &[(Arch::Arm, 4, 0, false)]),
];

fn check(seccomp: &Seccomp) -> Result<()> {
    let wrong = |field: String, reason: &str| Err(Error::new("check linux.seccomp", field, reason));
    if seccomp.default_action == Action::Notify {
        return wrong(
            "defaultAction".to_owned(),
            "SCMP_ACT_NOTIFY would also stop the calls that hand over the listener",
        );
    }
    if seccomp.default_errno_ret.is_some_and(|errno| errno > 4095) {
        return wrong("defaultErrnoRet".to_owned(), "an errno is 0 to 4095");
    }
    for (index, rule) in seccomp.syscalls.iter().enumerate() {
        let field = |name: &str| format!("syscalls[{index}].{name}");
        if rule.names.is_empty() {
            return wrong(field("names"), "the list is empty");
        }
        if rule.errno_ret.is_some_and(|errno| errno > 4095) {
            return wrong(field("errnoRet"), "an errno is 0 to 4095");
        }
        if rule.args.iter().any(|condition| condition.index > 5) {
            return wrong(field("args"), "arguments are numbered 0 to 5");
        }
        let hands_over = |name: &String| name == "write" || name == "sendmsg";
        if rule.action == Action::Notify && rule.names.iter().any(hands_over) {
            return wrong(
                field("action"),
                "SCMP_ACT_NOTIFY for write or sendmsg would also stop the handing over of the listener",
            );
        }
    }
    Ok(())
}

fn verdict(action: Action, errno: Option<u32>) -> Verdict {
    let errno = errno.unwrap_or(libc::EPERM.cast_unsigned());
    match action {
        Action::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
        Action::KillThread => KILL_THREAD,
        Action::Trap => libc::SECCOMP_RET_TRAP,
        Action::Errno => libc::SECCOMP_RET_ERRNO | errno,
        Action::Notify => libc::SECCOMP_RET_USER_NOTIF,
        Action::Trace => libc::SECCOMP_RET_TRACE | errno,
        Action::Log => libc::SECCOMP_RET_LOG,
        Action::Allow => libc::SECCOMP_RET_ALLOW,
    }
}

/// A line of the table and what becomes of the call; `None`: the default, yet it is a known one.
type Call = (usize, Option<Outcome>);

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Always(Verdict),
    Test(usize),
}

/// Each call once, in the order of the table. Unknown names are passed over.
fn named_calls(
    seccomp: &Seccomp,
    default: Verdict,
    tests: &mut Vec<Vec<Alternative>>,
) -> Vec<Call> {
    let mut mentions: Vec<(usize, usize)> = Vec::new();
    for (rule, names) in seccomp.syscalls.iter().map(|rule| &rule.names).enumerate() {
        for name in names {
            mentions.extend(line(name).map(|line| (line, rule)));
        }
    }
    mentions.sort_unstable();
    mentions
        .chunk_by(|one, other| one.0 == other.0)
        .map(|chunk| {
            (
                chunk[0].0,
                outcome(
                    chunk.iter().map(|(_, rule)| &seccomp.syscalls[*rule]),
                    default,
                    tests,
                ),
            )
        })
        .collect()
}

/// A rule without conditions wins. One that says what the default says has no effect, as in the
/// other runtimes.
fn outcome<'a>(
    rules: impl Iterator<Item = &'a Rule> + Clone,
    default: Verdict,
    tests: &mut Vec<Vec<Alternative>>,
) -> Option<Outcome> {
    let with_effect = rules
        .map(|rule| (rule, verdict(rule.action, rule.errno_ret)))
        .filter(|(_, verdict)| *verdict != default);
    if let Some((_, verdict)) = with_effect.clone().find(|(rule, _)| rule.args.is_empty()) {
        return Some(Outcome::Always(verdict));
    }
    let alternatives: Vec<Alternative> = with_effect
        .flat_map(|(rule, verdict)| alternatives(rule, verdict))
        .collect();
    if alternatives.is_empty() {
        return None;
    }
    let known = tests.iter().position(|test| *test == alternatives);
    Some(Outcome::Test(known.unwrap_or_else(|| {
        tests.push(alternatives);
        tests.len() - 1
    })))
}

/// Conditions on different arguments must all hold; with two on the same argument, any.
fn alternatives(rule: &Rule, verdict: Verdict) -> Vec<Alternative> {
    let mut seen = 0_u32;
    let repeated = rule.args.iter().any(|condition| {
        let before = seen;
        seen |= 1 << condition.index;
        seen == before
    });
    if repeated {
        let one = |condition: &Condition| Alternative {
            conditions: vec![condition.clone()],
            verdict,
        };
        return rule.args.iter().map(one).collect();
    }
    vec![Alternative {
        conditions: rule.args.clone(),
        verdict,
    }]
}

struct Ranges(Vec<(u32, Leaf)>);

impl Ranges {
    /// The calls of one column, the default between them, and `newer` above the last.
    fn add_calls(
        &mut self,
        calls: &[Call],
        (column, numbers, wide): (usize, RangeInclusive<u32>, bool),
        (default, newer): (Verdict, Verdict),
    ) {
        let leaf = |outcome: Option<Outcome>| match outcome {
            None => Leaf::Return(default),
            Some(Outcome::Always(verdict)) => Leaf::Return(verdict),
            Some(Outcome::Test(index)) => Leaf::Test { index, wide },
        };
        let number = |line: usize| {
            u32::try_from(TABLE[line].1[column])
                .ok()
                .map(|number| number | numbers.start())
        };
        let mut leaves: Vec<(u32, Leaf)> = calls
            .iter()
            .filter_map(|(line, outcome)| Some((number(*line)?, leaf(*outcome))))
            .collect();
        leaves.sort_unstable_by_key(|(number, _)| *number);
        let mut next = *numbers.start();
        for (number, leaf) in leaves {
            if number > next {
                // ARM has calls of its own far above the others: what is between is newer.
                self.push(
                    next,
                    Leaf::Return(if number - next > 4096 { newer } else { default }),
                );
            }
            self.push(number, leaf);
            next = number + 1;
        }
        self.push(next, Leaf::Return(newer));
    }

    fn push(&mut self, start: u32, leaf: Leaf) {
        if self.0.last().is_none_or(|(_, last)| *last != leaf) {
            self.0.push((start, leaf));
        }
    }
}
