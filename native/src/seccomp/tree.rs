//! The program: which architecture, then a binary tree over ranges of system call numbers. It is
//! short, because installing costs the kernel time for each instruction, and flat, because the
//! kernel tries every number while it installs.

use libc::{BPF_ABS, BPF_JEQ, BPF_JGE, BPF_LD, BPF_W, sock_filter};

use super::arguments;
use super::assembler::{Assembler, Label, Ways};
use super::policy::{KILL_THREAD, Leaf, Machine, Policy};

/// Fields of struct seccomp_data.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;

/// The whole program for a policy. A call of an architecture that is not in it kills the thread.
pub fn program(policy: &Policy) -> Vec<sock_filter> {
    let mut assembler = Assembler::default();
    let mut otherwise = assembler.finish_with(KILL_THREAD);
    for machine in policy.machines.iter().rev() {
        let numbers = machine_tree(&mut assembler, policy, machine);
        let load = assembler.then(BPF_LD | BPF_W | BPF_ABS, NUMBER, numbers);
        otherwise = assembler.branch(
            BPF_JEQ,
            machine.audit,
            Ways {
                yes: load,
                no: otherwise,
            },
        );
    }
    assembler.then(BPF_LD | BPF_W | BPF_ABS, ARCH, otherwise);
    assembler.finish()
}

fn machine_tree(assembler: &mut Assembler, policy: &Policy, machine: &Machine) -> Label {
    let mut builder = Builder {
        assembler,
        policy,
        tests: vec![None; policy.tests.len() * 2],
    };
    builder.tree(&groups(&machine.ranges))
}

/// Neighbouring ranges that one leaf of the tree tells apart: mostly the same, but for single
/// numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    start: u32,
    base: Leaf,
    exceptions: Vec<(u32, Leaf)>,
}

/// Exceptions are tried one after another: few, to keep the tree flat.
const EXCEPTIONS: usize = 3;

/// Cuts the ranges into the fewest instructions: between groups stands one comparison, and each
/// exception is another, where two ranges more would be two.
fn groups(ranges: &[(u32, Leaf)]) -> Vec<Group> {
    // best[i]: the cost of ranges[i..] and the ranges that its first group takes.
    let mut best = vec![(0, 0); ranges.len() + 1];
    for first in (0..ranges.len()).rev() {
        let sizes = (0..=EXCEPTIONS).take_while(|count| fits(ranges, first, *count));
        let costs = sizes.map(|count| {
            let size = 2 * count + 1;
            (count + 1 + best[first + size].0, size)
        });
        best[first] = costs.min().unwrap_or((usize::MAX, 1));
    }
    let mut groups = Vec::new();
    let mut first = 0;
    while first < ranges.len() {
        let size = best[first].1;
        let exceptions = ranges[first..first + size]
            .iter()
            .skip(1)
            .step_by(2)
            .copied()
            .collect();
        groups.push(Group {
            start: ranges[first].0,
            base: ranges[first].1,
            exceptions,
        });
        first += size;
    }
    groups
}

/// The ranges from `first`: base, one number, base, one number, base.
fn fits(ranges: &[(u32, Leaf)], first: usize, exceptions: usize) -> bool {
    let last = first + 2 * exceptions;
    last < ranges.len()
        && (first + 1..last).step_by(2).all(|one| {
            ranges[one].0 + 1 == ranges[one + 1].0 && ranges[one + 1].1 == ranges[first].1
        })
}

struct Builder<'a> {
    assembler: &'a mut Assembler,
    policy: &'a Policy,
    /// Where each test was written, for 32 and for 64 bits.
    tests: Vec<Option<Label>>,
}

impl Builder<'_> {
    fn tree(&mut self, groups: &[Group]) -> Label {
        if let [group] = groups {
            return self.group(group);
        }
        let (left, right) = groups.split_at(groups.len() / 2);
        let yes = self.tree(right);
        let no = self.tree(left);
        self.assembler
            .branch(BPF_JGE, right[0].start, Ways { yes, no })
    }

    fn group(&mut self, group: &Group) -> Label {
        let mut otherwise = self.leaf(group.base);
        for (number, leaf) in group.exceptions.iter().rev() {
            let yes = self.leaf(*leaf);
            otherwise = self
                .assembler
                .branch(BPF_JEQ, *number, Ways { yes, no: otherwise });
        }
        otherwise
    }

    fn leaf(&mut self, leaf: Leaf) -> Label {
        match leaf {
            Leaf::Return(verdict) => self.assembler.finish_with(verdict),
            Leaf::Test { index, wide } => {
                let known = 2 * index + usize::from(wide);
                if let Some(label) = self.tests[known] {
                    return label;
                }
                let label = arguments::test(
                    self.assembler,
                    &self.policy.tests[index],
                    (wide, self.policy.default),
                );
                self.tests[known] = Some(label);
                label
            }
        }
    }
}
