//! The same profile through libseccomp, a plain reading of the rules, and the compiler: the same
//! verdict for every call.

use std::collections::{BTreeSet, HashMap};

use libc::sock_filter;

use super::random::{Kind, Random, profile, value};
use super::{Call, ENOSYS, run};
use crate::seccomp::policy::{KILL_THREAD, resolve};
use crate::seccomp::table::{TABLE, line};
use crate::seccomp::tree::program;
use crate::spec::seccomp::{Action, Arch, Condition, Operator, Rule, Seccomp};
use crate::sys::libseccomp::{Comparison, Library};

/// Audit value (also libseccomp's token, but for x32), column of the table, bit in the number.
const ARCHES: [(Arch, u32, u32, usize, u32); 5] = [
    (Arch::X86_64, 0xc000_003e, 0xc000_003e, 0, 0),
    (Arch::X86, 0x4000_0003, 0x4000_0003, 1, 0),
    (Arch::X32, 0xc000_003e, 0x4000_003e, 2, 0x4000_0000),
    (Arch::Aarch64, 0xc000_00b7, 0xc000_00b7, 3, 0),
    (Arch::Arm, 0x4000_0028, 0x4000_0028, 4, 0),
];

/// The machine's own, and what the profile lists.
const SETS: [(Arch, &[Arch]); 5] = [
    (Arch::X86_64, &[]),
    (Arch::X86_64, &[Arch::X32]),
    (Arch::X86_64, &[Arch::X86, Arch::X86_64]),
    (Arch::X86_64, &[Arch::X86, Arch::X32, Arch::X86_64]),
    (Arch::Aarch64, &[Arch::Arm]),
];

#[test]
fn random_profiles_give_libseccomps_verdicts() {
    let library = Library::open();
    for seed in 1..=40 {
        let mut random = Random(seed);
        let (native, arches) = random.pick(&SETS);
        let known = |name: &str| agrees(&library, name) && !multiplexed(name);
        let profile = profile(&mut random, (arches, Kind::OneRule), known);
        let theirs = oracle(&library, (&profile, native));
        compare(
            (&profile, native),
            &mut random,
            (&|call, _| run(&theirs, call), &format!("seed {seed}")),
        );
    }
}

#[test]
fn random_profiles_give_what_a_plain_reading_of_their_rules_gives() {
    for seed in 1..=40 {
        let mut random = Random(seed);
        let (native, arches) = random.pick(&SETS);
        let profile = profile(&mut random, (arches, Kind::ManyRules), |_| true);
        compare(
            (&profile, native),
            &mut random,
            (
                &|call, rules| read(&profile, call, rules),
                &format!("seed {seed}"),
            ),
        );
    }
}

#[test]
fn the_table_has_libseccomps_numbers() {
    let library = Library::open();
    let agreed = TABLE
        .iter()
        .filter(|(name, _)| agrees(&library, name))
        .count();
    assert!(agreed > 380, "{agreed} of {}", TABLE.len());
    for (name, numbers) in TABLE {
        for (arch, _, token, column, bit) in ARCHES {
            let theirs = library.number(token, name);
            let ours = numbers[column];
            assert!(
                theirs < 0 || ours < 0 || theirs == ours | bit.cast_signed(),
                "{name} {arch:?}: {theirs} {ours}"
            );
        }
    }
}

/// Whether libseccomp knows a call on the same architectures; it is older than the table.
pub fn agrees(library: &Library, name: &str) -> bool {
    let ours = line(name).map_or([-1; 5], |line| TABLE[line].1);
    ARCHES
        .iter()
        .all(|(_, _, token, column, _)| (library.number(*token, name) < 0) == (ours[*column] < 0))
}

/// On 32-bit x86 libseccomp also writes rules for socketcall and ipc, of which it drops the
/// conditions; here a profile names those calls itself.
pub fn multiplexed(name: &str) -> bool {
    let column = |name: &str| {
        TABLE
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, numbers)| numbers[1])
    };
    let one_of = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    column(name).is_some_and(|number| (359..=373).contains(&number))
        || one_of(&[
            "sem",
            "shm",
            "msg",
            "recv",
            "send",
            "accept",
            "ipc",
            "socketcall",
        ])
}

type Expected<'a> = &'a dyn Fn(&Call, &[&Rule]) -> u32;

pub fn compare(
    (profile, native): (&Seccomp, Arch),
    random: &mut Random,
    (expected, what): (Expected, &str),
) {
    let ours = program(&resolve(profile, native).unwrap());
    for (arch, audit, _, column, bit) in ARCHES {
        let listed = arch == native || listed(profile, native).contains(&arch);
        let newest = newest(profile, column);
        let rules = Rules::new(profile, column);
        for number in (0..=500).chain([1000, 0x3fff_ffff]) {
            let newer = listed && forbids(profile) && newest.is_none_or(|newest| number > newest);
            for arguments in arguments(rules.of(number), random) {
                let call = Call {
                    number: number | bit,
                    arch: audit,
                    arguments,
                };
                let expected = match (listed, newer) {
                    (false, _) => KILL_THREAD,
                    (_, true) => ENOSYS,
                    _ => expected(&call, rules.of(number)),
                };
                let shown = || {
                    format!(
                        "{what}: {call:x?} in {:?} {:x?}",
                        profile.default_action,
                        rules.of(number)
                    )
                };
                assert_eq!(run(&ours, &call), expected, "{}", shown());
            }
        }
    }
}

/// The verdict by the words of spec/seccomp.rs.
fn read(profile: &Seccomp, call: &Call, rules: &[&Rule]) -> u32 {
    let default = action(profile.default_action, profile.default_errno_ret);
    let wide = call.arch >> 28 == 0xc && call.number >> 30 == 0;
    let rules: Vec<(&Rule, u32)> = rules
        .iter()
        .map(|rule| (*rule, action(rule.action, rule.errno_ret)))
        .filter(|(_, action)| *action != default)
        .collect();
    let always = rules.iter().find(|(rule, _)| rule.args.is_empty());
    let first = || {
        rules.iter().find(|(rule, _)| {
            rule.args
                .iter()
                .all(|condition| holds(condition, call, wide))
        })
    };
    always.or_else(first).map_or(default, |(_, action)| *action)
}

fn holds(condition: &Condition, call: &Call, wide: bool) -> bool {
    let cut = |value: u64| if wide { value } else { value & 0xffff_ffff };
    let [argument, value, second] = [
        call.arguments[condition.index as usize],
        condition.value,
        condition.value_two,
    ]
    .map(cut);
    match condition.op {
        Operator::NotEqual => argument != value,
        Operator::Less => argument < value,
        Operator::LessOrEqual => argument <= value,
        Operator::Equal => argument == value,
        Operator::GreaterOrEqual => argument >= value,
        Operator::Greater => argument > value,
        Operator::MaskedEqual => argument & value == second & value,
    }
}

/// What else runs on the machine; a profile may also list what does not.
fn listed(profile: &Seccomp, native: Arch) -> Vec<Arch> {
    let others = if native == Arch::X86_64 {
        [Arch::X86, Arch::X32]
    } else {
        [Arch::Arm; 2]
    };
    others
        .into_iter()
        .filter(|arch| profile.architectures.contains(arch))
        .collect()
}

fn forbids(profile: &Seccomp) -> bool {
    !matches!(
        profile.default_action,
        Action::Allow | Action::Log | Action::Trace
    )
}

fn newest(profile: &Seccomp, column: usize) -> Option<u32> {
    let names: BTreeSet<&str> = profile
        .syscalls
        .iter()
        .flat_map(|rule| &rule.names)
        .map(String::as_str)
        .collect();
    let listed = TABLE.iter().filter(|(name, _)| names.contains(name));
    listed
        .filter_map(|(_, numbers)| u32::try_from(numbers[column]).ok())
        .filter(|number| *number < 0xf0000)
        .max()
}

/// The rules for each number.
struct Rules<'a>(HashMap<u32, Vec<&'a Rule>>);

impl<'a> Rules<'a> {
    fn new(profile: &'a Seccomp, column: usize) -> Self {
        let mut found: HashMap<u32, Vec<&Rule>> = HashMap::new();
        for rule in &profile.syscalls {
            let lines = rule.names.iter().filter_map(|name| line(name));
            for number in lines.filter_map(|line| u32::try_from(TABLE[line].1[column]).ok()) {
                found.entry(number).or_default().push(rule);
            }
        }
        Self(found)
    }

    fn of(&self, number: u32) -> &[&'a Rule] {
        self.0.get(&number).map_or(&[], Vec::as_slice)
    }
}

/// Argument lists around the values that the rules for a call compare with.
fn arguments(rules: &[&Rule], random: &mut Random) -> Vec<[u64; 6]> {
    let mut lists = vec![[0; 6]];
    for condition in rules.iter().flat_map(|rule| &rule.args) {
        for _ in 0..8 {
            let mut list = random.pick(&lists);
            let near = [
                condition.value,
                condition.value_two,
                condition.value & condition.value_two,
                value(random),
            ];
            list[condition.index as usize] = random
                .pick(&near)
                .wrapping_add(random.below(3) as u64)
                .wrapping_sub(1);
            lists.push(list);
        }
    }
    lists
}

/// As the other runtimes hand a profile to libseccomp.
pub fn oracle(library: &Library, (profile, native): (&Seccomp, Arch)) -> Vec<sock_filter> {
    let default = action(profile.default_action, profile.default_errno_ret);
    let tokens: Vec<u32> = ARCHES
        .iter()
        .filter(|(arch, ..)| *arch == native || listed(profile, native).contains(arch))
        .map(|(_, _, token, ..)| *token)
        .collect();
    let mut rules = Vec::new();
    for rule in &profile.syscalls {
        let action = action(rule.action, rule.errno_ret);
        let comparisons: Vec<Comparison> = rule.args.iter().map(comparison).collect();
        let indexes: BTreeSet<u32> = rule.args.iter().map(|condition| condition.index).collect();
        for name in rule
            .names
            .iter()
            .filter(|name| action != default && agrees(library, name))
        {
            if indexes.len() == comparisons.len() {
                rules.push((name.clone(), action, comparisons.clone()));
            } else {
                rules.extend(
                    comparisons
                        .iter()
                        .map(|one| (name.clone(), action, vec![*one])),
                );
            }
        }
    }
    library.compile(default, &tokens, &rules)
}

fn action(action: Action, errno: Option<u32>) -> u32 {
    let errno = errno.unwrap_or(1);
    match action {
        Action::KillProcess => 0x8000_0000,
        Action::KillThread => 0,
        Action::Trap => 0x0003_0000,
        Action::Errno => 0x0005_0000 | errno,
        Action::Notify => 0x7fc0_0000,
        Action::Trace => 0x7ff0_0000 | errno,
        Action::Log => 0x7ffc_0000,
        Action::Allow => 0x7fff_0000,
    }
}

fn comparison(condition: &Condition) -> Comparison {
    let operator = match condition.op {
        Operator::NotEqual => 1,
        Operator::Less => 2,
        Operator::LessOrEqual => 3,
        Operator::Equal => 4,
        Operator::GreaterOrEqual => 5,
        Operator::Greater => 6,
        Operator::MaskedEqual => 7,
    };
    Comparison {
        argument: condition.index,
        operator,
        value: condition.value,
        value_two: condition.value_two,
    }
}
