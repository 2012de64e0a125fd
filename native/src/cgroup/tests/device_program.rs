use super::*;

/// Runs a program as the kernel does; an unknown instruction is a panic.
fn run(program: &[Instruction], kind: u32, access: u32, (major, minor): (u32, u32)) -> u32 {
    let mut registers = [0_u32; 7];
    let mut at = 0;
    loop {
        let Instruction {
            code,
            registers: pair,
            offset,
            immediate,
        } = program[at];
        let (target, source) = (usize::from(pair & 15), usize::from(pair >> 4));
        let value = immediate.cast_unsigned();
        let jump = usize::try_from(offset).unwrap();
        at += 1;
        match code {
            LOAD_WORD => registers[target] = [access << 16 | kind, major, minor][jump / 4],
            AND => registers[target] &= value,
            OR_REGISTER => registers[target] |= registers[source],
            COPY => registers[target] = registers[source],
            SHIFT_LEFT => registers[target] <<= value,
            SHIFT_RIGHT => registers[target] >>= value,
            SET => registers[target] = value,
            EXIT => return registers[0],
            JUMP => at += jump,
            IF_EQUAL => at += if registers[target] == value { jump } else { 0 },
            IF_ANY_BIT => {
                at += if registers[target] & value == 0 {
                    0
                } else {
                    jump
                }
            }
            code => panic!("code {code:#x}"),
        }
    }
}

/// The kernel refuses a program with others.
fn every_instruction_is_reached(program: &[Instruction]) -> bool {
    let mut reached = vec![false; program.len()];
    reached[0] = true;
    for at in 0..program.len() {
        let Instruction { code, offset, .. } = program[at];
        if !reached[at] {
            return false;
        }
        if matches!(code, JUMP | IF_EQUAL | IF_ANY_BIT) {
            reached[at + 1 + usize::try_from(offset).unwrap()] = true;
        }
        if !matches!(code, JUMP | EXIT) {
            reached[at + 1] = true;
        }
    }
    true
}

/// Each access by itself: the last rule that names it decides.
fn expected(rules: &[Rule], kind: u32, wanted: u32, (major, minor): (u32, u32)) -> u32 {
    let allowed = |bit: u32| {
        let fits = |rule: &&Rule| {
            let kinds = match rule.kind {
                DeviceKind::All => true,
                DeviceKind::Block => kind == 1,
                DeviceKind::Character => kind == 2,
            };
            let number =
                rule.major.is_none_or(|it| it == major) && rule.minor.is_none_or(|it| it == minor);
            kinds && number && access(rule) & bit != 0
        };
        rules.iter().rev().find(fits).is_some_and(|rule| rule.allow)
    };
    u32::from(
        [1, 2, 4]
            .into_iter()
            .filter(|bit| wanted & bit != 0)
            .all(allowed),
    )
}

#[test]
fn every_request_is_decided_as_the_rules_read() {
    let mut state = 7_u32;
    let mut random = |end: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % end
    };
    let mut allowed = 0;
    for _ in 0..1000 {
        let rules: Vec<Rule> = (0..random(9))
            .map(|_| Rule {
                allow: random(2) == 0,
                kind: [DeviceKind::All, DeviceKind::Block, DeviceKind::Character]
                    [random(3) as usize],
                major: (random(2) == 0)
                    .then_some([1, 2, 0xfff, 0x1001, u32::MAX][random(5) as usize]),
                minor: (random(2) == 0)
                    .then_some([0, 1, 2, 0xf_ffff, 0x10_0001][random(5) as usize]),
                read: random(2) == 0,
                write: random(2) == 0,
                mknod: random(2) == 0,
            })
            .collect();
        let program = program(&rules).unwrap();
        assert!(every_instruction_is_reached(&program), "{rules:?}");
        for (kind, wanted) in [1, 2]
            .into_iter()
            .flat_map(|kind| (1..8).map(move |wanted| (kind, wanted)))
        {
            for number in [(1, 0), (1, 2), (2, 1), (3, 0), (0xfff, 1), (1, 0xf_ffff)] {
                let result = run(&program, kind, wanted, number);
                assert_eq!(
                    result,
                    expected(&rules, kind, wanted, number),
                    "{kind} {wanted} {number:?} {rules:?}"
                );
                allowed += result;
            }
        }
    }
    assert!(allowed > 1000, "{allowed}");
}

fn allow(major: u32, minor: u32) -> Rule {
    Rule {
        allow: true,
        kind: DeviceKind::Character,
        major: Some(major),
        minor: Some(minor),
        read: true,
        write: true,
        mknod: true,
    }
}

#[test]
fn a_rule_for_one_device_is_one_instruction_and_said_twice_it_is_none() {
    let length = |rules: &[Rule]| program(rules).unwrap().len();
    let rules: Vec<Rule> = (0..100).map(|minor| allow(195, minor)).collect();
    assert_eq!(length(&rules), length(&rules[..1]) + 99);
    assert_eq!(length(&[&rules[..], &rules[..]].concat()), length(&rules));
    let read = Rule {
        write: false,
        ..rules[0]
    };
    assert_eq!(length(&[read, rules[0]]), length(&[rules[0]]));
    assert!(length(&[rules[0], read]) > length(&[rules[0]]));
}

#[test]
fn too_many_rules_are_no_program_that_jumps_elsewhere() {
    let rules: Vec<Rule> = (0..33_000).map(|minor| allow(7, minor)).collect();
    assert!(program(&rules[..32_000]).is_some());
    assert!(program(&rules).is_none());
}
