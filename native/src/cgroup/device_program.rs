//! Device rules as a BPF program for a v2 cgroup.

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

// Codes. Comparisons are of 32 bits.
const LOAD_WORD: u8 = 0x61;
const AND: u8 = 0x54;
const SHIFT_RIGHT: u8 = 0x74;
const SET: u8 = 0xb7;
const EXIT: u8 = 0x95;
const JUMP: u8 = 0x05;
const IF_NOT_EQUAL: u8 = 0x56;
const IF_ANY_BIT: u8 = 0x46;

// Of linux/bpf.h.
const BLOCK: u32 = 1;
const CHARACTER: u32 = 2;
const MKNOD: u32 = 1;
const READ: u32 = 2;
const WRITE: u32 = 4;

/// Looks at the rules from the last to the first. A rule decides the accesses that it names; the
/// request is allowed when all of its accesses are. What no rule decides is forbidden.
pub fn program(rules: &[Rule]) -> Vec<Instruction> {
    let load = |to, offset| Instruction {
        offset,
        ..instruction(LOAD_WORD, to | REQUEST << 4, 0)
    };
    let mut program = vec![
        load(KIND, 0),
        instruction(AND, KIND, 0xffff),
        load(ACCESS, 0),
        instruction(SHIFT_RIGHT, ACCESS, 16),
        load(MAJOR, 4),
        load(MINOR, 8),
    ];
    for rule in rules.iter().rev() {
        program.extend(block(rule));
    }
    program.extend(end_with(0));
    program
}

/// The instructions of one rule; what does not match goes on behind them.
fn block(rule: &Rule) -> Vec<Instruction> {
    let access = access(rule);
    let decide = if rule.allow {
        let [set, exit] = end_with(1);
        vec![
            instruction(AND, ACCESS, !access),
            skip(instruction(IF_NOT_EQUAL, ACCESS, 0), 2),
            set,
            exit,
        ]
    } else {
        let [set, exit] = end_with(0);
        vec![
            skip(instruction(IF_ANY_BIT, ACCESS, access), 1),
            skip(instruction(JUMP, 0, 0), 2),
            set,
            exit,
        ]
    };
    let kind = match rule.kind {
        DeviceKind::All => None,
        DeviceKind::Block => Some(BLOCK),
        DeviceKind::Character => Some(CHARACTER),
    };
    let mut block = decide;
    for (register, wanted) in [(MINOR, rule.minor), (MAJOR, rule.major), (KIND, kind)] {
        if let Some(wanted) = wanted {
            let length = block.len();
            block.insert(0, skip(instruction(IF_NOT_EQUAL, register, wanted), length));
        }
    }
    block
}

fn access(rule: &Rule) -> u32 {
    let bits = [(rule.mknod, MKNOD), (rule.read, READ), (rule.write, WRITE)];
    bits.into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, bit)| bit)
        .sum()
}

fn end_with(result: u32) -> [Instruction; 2] {
    [instruction(SET, RESULT, result), instruction(EXIT, 0, 0)]
}

fn instruction(code: u8, registers: u8, immediate: u32) -> Instruction {
    Instruction {
        code,
        registers,
        offset: 0,
        immediate: immediate.cast_signed(),
    }
}

/// The jump goes over `count` instructions; a block has at most seven.
fn skip(jump: Instruction, count: usize) -> Instruction {
    Instruction {
        offset: i16::try_from(count).unwrap_or(i16::MAX),
        ..jump
    }
}

#[cfg(test)]
#[path = "tests/device_program.rs"]
mod tests;
