//! Profiles made at random from a seed, so that a failure can be repeated.

use crate::seccomp::table::TABLE;
use crate::spec::seccomp::{Action, Arch, Condition, Operator, Rule, Seccomp};

/// xorshift64*: enough for tests.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() >> 16) as usize % end
    }

    pub fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())].clone()
    }
}

const ACTIONS: [Action; 7] = [
    Action::KillProcess,
    Action::KillThread,
    Action::Trap,
    Action::Errno,
    Action::Trace,
    Action::Log,
    Action::Allow,
];

const OPERATORS: [Operator; 7] = [
    Operator::NotEqual,
    Operator::Less,
    Operator::LessOrEqual,
    Operator::Equal,
    Operator::GreaterOrEqual,
    Operator::Greater,
    Operator::MaskedEqual,
];

/// How wild a profile is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Each call has one rule. With several, libseccomp 2.5 forgets to load an argument again
    /// after a rule failed, or stops at it: it is no oracle for those.
    OneRule,
    /// Several rules of any action for a call.
    ManyRules,
}

/// A profile over the calls that `known` admits.
pub fn profile(
    random: &mut Random,
    (arches, kind): (&[Arch], Kind),
    known: impl Fn(&str) -> bool,
) -> Seccomp {
    let share = 1 + random.below(20);
    let one = random.pick(&ACTIONS);
    let mixed = random.below(2) == 0;
    let mut syscalls = Vec::new();
    for (name, _) in TABLE.iter().filter(|(name, _)| known(name)) {
        if random.below(20) >= share {
            continue;
        }
        for _ in 0..if kind == Kind::ManyRules {
            1 + random.below(3)
        } else {
            1
        } {
            let action = if mixed { random.pick(&ACTIONS) } else { one };
            let errno_ret = (random.below(3) == 0).then(|| random.below(100) as u32);
            let args = if random.below(3) == 0 {
                conditions(random)
            } else {
                Vec::new()
            };
            syscalls.push(Rule {
                names: vec![(*name).to_owned()],
                action,
                errno_ret,
                args,
            });
        }
    }
    Seccomp {
        default_action: random.pick(&ACTIONS),
        default_errno_ret: (random.below(2) == 0).then(|| random.below(100) as u32),
        architectures: arches.to_vec(),
        flags: None,
        listener_path: None,
        listener_metadata: None,
        syscalls,
    }
}

fn conditions(random: &mut Random) -> Vec<Condition> {
    let mut indexes = vec![0, 1, 2, 3, 4, 5];
    (0..1 + random.below(3))
        .map(|_| {
            let index = indexes.swap_remove(random.below(indexes.len()));
            let op = random.pick(&OPERATORS);
            Condition {
                index,
                value: value(random),
                value_two: value(random),
                op,
            }
        })
        .collect()
}

/// Small, with high halves, and at the edges.
pub fn value(random: &mut Random) -> u64 {
    let edges = [
        0,
        1,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        1 << 32,
        (1 << 32) + 1,
        u64::MAX,
        u64::MAX - 1,
        0x7e02_0000,
    ];
    match random.below(3) {
        0 => random.pick(&edges),
        1 => random.below(64) as u64,
        _ => random.next(),
    }
}
