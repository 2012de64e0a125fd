//! Programs are run by an interpreter here, and by the kernel in `kernel`.

mod default;
mod kernel;
mod oracle;
mod random;

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JA, BPF_JEQ, BPF_JGE, BPF_JGT, BPF_JMP, BPF_K, BPF_LD, BPF_RET,
    BPF_W, sock_filter,
};

use super::policy::resolve;
use super::tree::program;
use crate::spec::seccomp::{Arch, Seccomp};

const X86_64: u32 = 0xc000_003e;
const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | 38;
const EPERM: u32 = libc::SECCOMP_RET_ERRNO | 1;

/// struct seccomp_data.
#[derive(Debug, Clone, Copy)]
struct Call {
    number: u32,
    arch: u32,
    arguments: [u64; 6],
}

impl Call {
    fn word(&self, offset: u32) -> u32 {
        let half = |value: u64, high: bool| {
            if high {
                (value >> 32) as u32
            } else {
                value as u32
            }
        };
        match offset {
            0 => self.number,
            4 => self.arch,
            16.. => half(self.arguments[(offset as usize - 16) / 8], offset % 8 == 4),
            _ => panic!("offset {offset}"),
        }
    }
}

/// Runs a program; any instruction that neither compiler should write is a panic.
fn run(program: &[sock_filter], call: &Call) -> u32 {
    let (mut at, mut accumulator, mut index) = (0, 0_u32, 0_u32);
    loop {
        let instruction = &program[at];
        let k = instruction.k;
        at += 1;
        let code = u32::from(instruction.code);
        let jump = |yes: bool| usize::from(if yes { instruction.jt } else { instruction.jf });
        match code {
            code if code == BPF_LD | BPF_W | BPF_ABS => accumulator = call.word(k),
            code if code == BPF_ALU | BPF_AND | BPF_K => accumulator &= k,
            code if code == BPF_JMP | BPF_JA => at += k as usize,
            code if code == BPF_JMP | BPF_JEQ | BPF_K => at += jump(accumulator == k),
            code if code == BPF_JMP | BPF_JGT | BPF_K => at += jump(accumulator > k),
            code if code == BPF_JMP | BPF_JGE | BPF_K => at += jump(accumulator >= k),
            code if code == BPF_RET | BPF_K => return k,
            // libseccomp keeps the accumulator in scratch memory where tests share a load.
            0x02 => index = accumulator,
            0x60 => accumulator = index,
            code => panic!("code {code:#x}"),
        }
    }
}

fn read(text: &str) -> Seccomp {
    serde_json::from_str(text).unwrap()
}

fn compiled(text: &str) -> Vec<sock_filter> {
    program(&resolve(&read(text), Arch::X86_64).unwrap())
}

fn verdict(program: &[sock_filter], number: u32, first: u64) -> u32 {
    run(
        program,
        &Call {
            number,
            arch: X86_64,
            arguments: [first, 0, 0, 0, 0, 0],
        },
    )
}

#[test]
fn the_table_is_sorted_and_knows_the_usual_numbers() {
    use super::table::TABLE;
    assert!(TABLE.is_sorted_by_key(|(name, _)| *name));
    let numbers =
        |name: &str| TABLE[TABLE.binary_search_by_key(&name, |(name, _)| name).unwrap()].1;
    assert_eq!(numbers("openat"), [257, 295, 257, 56, 322]);
    assert_eq!(numbers("clone3"), [435; 5]);
    assert_eq!(numbers("open"), [2, 5, 2, -1, 5]);
}

#[test]
fn other_architectures_and_x32_kill_unless_they_are_listed() {
    let one = compiled(r#"{"defaultAction": "SCMP_ACT_ALLOW"}"#);
    assert_eq!(
        run(
            &one,
            &Call {
                number: 1,
                arch: 0x4000_0003,
                arguments: [0; 6]
            }
        ),
        0
    );
    assert_eq!(verdict(&one, 0x4000_0001, 0), 0);
    assert_eq!(
        verdict(&one, u32::MAX, 0),
        ALLOW,
        "a tracer skips a call with number -1"
    );
    let all = compiled(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_S390X"]}"#,
    );
    assert_eq!(
        run(
            &all,
            &Call {
                number: 1,
                arch: 0x4000_0003,
                arguments: [0; 6]
            }
        ),
        ALLOW
    );
    assert_eq!(verdict(&all, 0x4000_0001, 0), ALLOW);
}

#[test]
fn calls_newer_than_the_newest_listed_one_give_enosys() {
    let filter = compiled(
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read", "openat2", "no_such_call"], "action": "SCMP_ACT_ALLOW"}]}"#,
    );
    assert_eq!(
        [0, 1, 437, 438, u32::MAX].map(|number| verdict(&filter, number, 0)),
        [ALLOW, EPERM, ALLOW, ENOSYS, ENOSYS]
    );
}

#[test]
fn two_conditions_on_one_argument_are_alternatives() {
    let filter = compiled(
        r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "syscalls": [{"names": ["personality"], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}, {"index": 0, "value": 8, "op": "SCMP_CMP_EQ"}]}]}"#,
    );
    assert_eq!(
        [0, 8, 4, 8 << 32].map(|first| verdict(&filter, 135, first)),
        [ALLOW, ALLOW, ENOSYS, ENOSYS]
    );
}

#[test]
fn jumps_longer_than_a_jump_reaches_go_by_stepping_stones() {
    let rule = |(name, errno): (&str, usize)| {
        let args: Vec<String> = (0..6)
            .map(|index| {
                format!(
                    r#"{{"index": {index}, "value": {}, "op": "SCMP_CMP_GT"}}"#,
                    errno << 33
                )
            })
            .collect();
        format!(
            r#"{{"names": ["{name}"], "action": "SCMP_ACT_ERRNO", "errnoRet": {errno}, "args": [{}]}}"#,
            args.join(",")
        )
    };
    let names = super::table::TABLE.iter().map(|(name, _)| *name);
    let rules: Vec<String> = names.zip(100..).step_by(4).map(rule).collect();
    let filter = compiled(&format!(
        r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{}]}}"#,
        rules.join(",")
    ));
    assert!(filter.len() > 2500, "{}", filter.len());
    for (line, (_, numbers)) in super::table::TABLE.iter().enumerate() {
        let Ok(number) = u32::try_from(numbers[0]) else {
            continue;
        };
        let errno = line as u32 + 100;
        let call = Call {
            number,
            arch: X86_64,
            arguments: [u64::MAX; 6],
        };
        assert_eq!(
            run(&filter, &call),
            if line % 4 == 0 {
                libc::SECCOMP_RET_ERRNO | errno
            } else {
                ALLOW
            }
        );
        assert_eq!(
            verdict(&filter, number, u64::MAX),
            ALLOW,
            "the other arguments are zero"
        );
    }
}

#[test]
fn wrong_profiles_name_the_field() {
    let wrong = [
        (r#"{"defaultAction": "SCMP_ACT_NOTIFY"}"#, "defaultAction"),
        (
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 5000}"#,
            "defaultErrnoRet",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_TRAP"}]}"#,
            "syscalls[0].names",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["write"], "action": "SCMP_ACT_NOTIFY"}]}"#,
            "syscalls[0].action",
        ),
        (
            r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_TRAP", "args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}]}"#,
            "syscalls[0].args",
        ),
    ];
    for (text, field) in wrong {
        assert_eq!(
            resolve(&read(text), Arch::X86_64).unwrap_err().subject,
            field
        );
    }
    assert!(serde_json::from_str::<Seccomp>(r#"{"defaultAction": "SCMP_ACT_MAYBE"}"#).is_err());
}

#[test]
fn a_profile_that_nobody_would_answer_is_refused() {
    let text = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}"#;
    let error = super::compile(&read(text)).unwrap_err();
    assert!(error.reason.contains("SCMP_ACT_NOTIFY") && error.hint.is_some());
}
