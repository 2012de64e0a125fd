//! Tests of a call's arguments. BPF has 32 bits: a 64-bit argument is compared in halves.

use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_K, BPF_LD, BPF_W};

use super::assembler::{Assembler, Label, Ways};
use super::policy::Alternative;
use crate::spec::seccomp::{Condition, Operator};

/// `args` in struct seccomp_data.
const ARGUMENTS: u32 = 16;

/// The first alternative that holds decides, else `default`. `wide`: arguments have 64 bits.
pub fn test(
    assembler: &mut Assembler,
    alternatives: &[Alternative],
    (wide, default): (bool, u32),
) -> Label {
    let mut otherwise = assembler.finish_with(default);
    for alternative in alternatives.iter().rev() {
        let mut holds = assembler.finish_with(alternative.verdict);
        for condition in alternative.conditions.iter().rev() {
            let ways = Ways {
                yes: holds,
                no: otherwise,
            };
            holds = compare(assembler, condition, (wide, ways));
        }
        otherwise = holds;
    }
    otherwise
}

fn compare(assembler: &mut Assembler, condition: &Condition, (wide, ways): (bool, Ways)) -> Label {
    let swapped = Ways {
        yes: ways.no,
        no: ways.yes,
    };
    let argument = Argument {
        index: condition.index,
        wide,
    };
    let value = condition.value;
    match condition.op {
        Operator::Equal => argument.equal(assembler, (u64::MAX, value), ways),
        Operator::NotEqual => argument.equal(assembler, (u64::MAX, value), swapped),
        Operator::MaskedEqual => {
            argument.equal(assembler, (value, condition.value_two & value), ways)
        }
        Operator::Greater => argument.order(assembler, (BPF_JGT, value), ways),
        Operator::LessOrEqual => argument.order(assembler, (BPF_JGT, value), swapped),
        Operator::GreaterOrEqual => argument.order(assembler, (BPF_JGE, value), ways),
        Operator::Less => argument.order(assembler, (BPF_JGE, value), swapped),
    }
}

#[derive(Clone, Copy)]
struct Argument {
    index: u32,
    wide: bool,
}

impl Argument {
    /// (argument & mask) == value.
    fn equal(self, assembler: &mut Assembler, (mask, value): (u64, u64), ways: Ways) -> Label {
        let mut yes = ways.yes;
        let ((mask_high, mask_low), (high, low)) = (halves(mask), halves(value));
        for (offset, (mask, value)) in [(0, (mask_low, low)), (4, (mask_high, high))] {
            // Nothing is left of this half, or there is none.
            if mask == 0 || (offset == 4 && !self.wide) {
                continue;
            }
            let mut entry = assembler.branch(BPF_JEQ, value, Ways { yes, no: ways.no });
            if mask != u32::MAX {
                entry = assembler.then(BPF_ALU | BPF_AND | BPF_K, mask, entry);
            }
            yes = self.load(assembler, offset, entry);
        }
        yes
    }

    /// argument > value, or >= with `BPF_JGE`; unsigned.
    fn order(self, assembler: &mut Assembler, (code, value): (u32, u64), ways: Ways) -> Label {
        let (high, low) = halves(value);
        let entry = assembler.branch(code, low, ways);
        let low_entry = self.load(assembler, 0, entry);
        if !self.wide {
            return low_entry;
        }
        let equal = assembler.branch(
            BPF_JEQ,
            high,
            Ways {
                yes: low_entry,
                no: ways.no,
            },
        );
        let entry = assembler.branch(
            BPF_JGT,
            high,
            Ways {
                yes: ways.yes,
                no: equal,
            },
        );
        self.load(assembler, 4, entry)
    }

    /// Little-endian: the low half comes first.
    fn load(self, assembler: &mut Assembler, offset: u32, next: Label) -> Label {
        assembler.then(
            BPF_LD | BPF_W | BPF_ABS,
            ARGUMENTS + 8 * self.index + offset,
            next,
        )
    }
}

fn halves(value: u64) -> (u32, u32) {
    #[expect(clippy::cast_possible_truncation, reason = "that is what a half is")]
    ((value >> 32) as u32, value as u32)
}
