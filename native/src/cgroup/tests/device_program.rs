use super::*;

/// Runs a program as the kernel does; an unknown instruction is a panic.
fn run(program: &[Instruction], kind: u32, access: u32, (major, minor): (u32, u32)) -> u32 {
    let mut registers = [0_u32; 8];
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
            SUBTRACT => registers[target] = registers[target].wrapping_sub(value),
            AND => registers[target] &= value,
            OR_REGISTER => registers[target] |= registers[source],
            COPY => registers[target] = registers[source],
            SHIFT_LEFT => registers[target] <<= value,
            SHIFT_RIGHT => registers[target] >>= value,
            SET => registers[target] = value,
            EXIT => return registers[0],
            JUMP => at += jump,
            IF_EQUAL => at += if registers[target] == value { jump } else { 0 },
            IF_AT_MOST => at += if registers[target] <= value { jump } else { 0 },
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
        if code == JUMP || is_branch(&program[at]) {
            reached[at + 1 + usize::try_from(offset).unwrap()] = true;
        }
        if !matches!(code, JUMP | EXIT) {
            reached[at + 1] = true;
        }
    }
    true
}

fn is_branch(instruction: &Instruction) -> bool {
    matches!(instruction.code, IF_EQUAL | IF_ANY_BIT | IF_AT_MOST)
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

/// The same numbers in each run of the tests.
fn random() -> impl FnMut(u32) -> u32 {
    let mut state = 7_u32;
    move |end| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % end
    }
}

fn rule(random: &mut impl FnMut(u32) -> u32, major: Option<u32>, minor: Option<u32>) -> Rule {
    Rule {
        allow: random(2) == 0,
        kind: [DeviceKind::All, DeviceKind::Block, DeviceKind::Character][random(3) as usize],
        major,
        minor,
        read: random(2) == 0,
        write: random(2) == 0,
        mknod: random(2) == 0,
    }
}

/// Every request for one of the numbers; gives how many are allowed.
fn all_as_expected(rules: &[Rule], numbers: &[(u32, u32)]) -> u32 {
    let program = program(rules).unwrap();
    assert!(every_instruction_is_reached(&program), "{rules:?}");
    let mut allowed = 0;
    for (kind, wanted) in [1, 2]
        .into_iter()
        .flat_map(|kind| (1..8).map(move |wanted| (kind, wanted)))
    {
        for number in numbers {
            let result = run(&program, kind, wanted, *number);
            assert_eq!(
                result,
                expected(rules, kind, wanted, *number),
                "{kind} {wanted} {number:?} {rules:?}"
            );
            allowed += result;
        }
    }
    allowed
}

#[test]
fn every_request_is_decided_as_the_rules_read() {
    let mut random = random();
    let mut allowed = 0;
    for _ in 0..1000 {
        let rules: Vec<Rule> = (0..random(9))
            .map(|_| {
                let major = [1, 2, 0xfff, 0x1001, u32::MAX][random(5) as usize];
                let minor = [0, 1, 2, 0xf_ffff, 0x10_0001][random(5) as usize];
                let (has_major, has_minor) = (random(2) == 0, random(2) == 0);
                rule(
                    &mut random,
                    has_major.then_some(major),
                    has_minor.then_some(minor),
                )
            })
            .collect();
        let numbers = [(1, 0), (1, 2), (2, 1), (3, 0), (0xfff, 1), (1, 0xf_ffff)];
        allowed += all_as_expected(&rules, &numbers);
    }
    assert!(allowed > 1000, "{allowed}");
}

/// Several that decide the same; mostly numbers that can follow each other.
fn neighbours(random: &mut impl FnMut(u32) -> u32, numbers: &[(u32, u32)]) -> Vec<Rule> {
    let first = rule(random, None, None);
    (0..random(16))
        .map(|_| {
            let (major, minor) = numbers[random(45) as usize];
            Rule {
                kind: [first.kind, first.kind, DeviceKind::All][random(3) as usize],
                major: (random(20) != 0).then_some(major),
                minor: (random(20) != 0).then_some(minor),
                ..first
            }
        })
        .collect()
}

/// Their first and last numbers.
fn ranges(program: &[Instruction]) -> Vec<(u32, u32)> {
    let of = |code| program.iter().filter(move |it| it.code == code);
    let value = |instruction: &Instruction| instruction.immediate.cast_unsigned();
    of(SUBTRACT)
        .zip(of(IF_AT_MOST))
        .map(|(first, length)| (value(first), value(first) + value(length)))
        .collect()
}

#[test]
fn numbers_that_follow_each_other_are_decided_as_the_rules_read() {
    let mut random = random();
    let (mut allowed, mut count) = (0, 0);
    // At both ends of majors that follow each other too.
    let minors = [0, 1, 2, 3, 4, 0xf_fffc, 0xf_fffd, 0xf_fffe, 0xf_ffff];
    let numbers: Vec<(u32, u32)> = [1, 2, 3, 0xffe, 0xfff]
        .into_iter()
        .flat_map(|major| minors.map(|minor| (major, minor)))
        .collect();
    for _ in 0..500 {
        let rules: Vec<Rule> = (0..random(5))
            .flat_map(|_| neighbours(&mut random, &numbers))
            .collect();
        allowed += all_as_expected(&rules, &numbers);
        let ranges = ranges(&program(&rules).unwrap());
        count += ranges.len();
        for (first, last) in ranges {
            assert!(first < last && first >> MINOR_BITS == last >> MINOR_BITS);
        }
    }
    assert!(allowed > 10_000 && count > 500, "{allowed} {count}");
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

/// The nodes of eight in the order of a machine; and mknod, as every container has it.
fn gpus() -> Vec<Rule> {
    let each = [4, 5, 6, 7, 0, 1, 2, 3]
        .into_iter()
        .zip(0..)
        .flat_map(|(minor, index)| [(195, minor), (226, 1 + index), (226, 128 + index)]);
    let control = [(195, 255), (195, 254), (511, 0), (511, 1)];
    let nodes = each.chain(control).map(|(major, minor)| Rule {
        mknod: false,
        ..allow(major, minor)
    });
    nodes.chain([MAKE]).collect()
}

const MAKE: Rule = Rule {
    allow: true,
    kind: DeviceKind::Character,
    major: None,
    minor: None,
    read: false,
    write: false,
    mknod: true,
};

#[test]
fn the_nodes_of_eight_gpus_are_five_comparisons_that_end_where_the_nodes_do() {
    let rules = gpus();
    assert_eq!(rules.len(), 28 + 1);
    let branches = |rules: &[Rule]| {
        let program = program(rules).unwrap();
        program.iter().filter(|it| is_branch(it)).count()
    };
    assert_eq!(branches(&rules), branches(&[MAKE]) + 5);
    let around: Vec<(u32, u32)> = [
        (195, [0, 7]),
        (195, [254, 255]),
        (226, [1, 8]),
        (226, [128, 135]),
        (511, [0, 1]),
    ]
    .into_iter()
    .flat_map(|(major, [first, last])| {
        [first.max(1) - 1, first, first + 1, last, last + 1].map(|minor| (major, minor))
    })
    .chain([(194, 0xf_ffff), (196, 0), (510, 0xf_ffff), (512, 0)])
    .collect();
    assert!(all_as_expected(&rules, &around) > 0);
    // A later one in the middle is decided before them.
    let taken = Rule {
        allow: false,
        ..allow(195, 3)
    };
    let rules = [&rules[..], &[taken]].concat();
    let nodes: Vec<(u32, u32)> = (0..9).map(|minor| (195, minor)).collect();
    all_as_expected(&rules, &nodes);
    let read = |minor| run(&program(&rules).unwrap(), 2, READ, (195, minor));
    assert_eq!([2, 3, 4].map(read), [1, 0, 1]);
}

#[test]
fn a_rule_for_one_device_is_one_instruction_and_said_twice_it_is_none() {
    let length = |rules: &[Rule]| program(rules).unwrap().len();
    let rules: Vec<Rule> = (0..100).map(|minor| allow(195, 2 * minor)).collect();
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
    let rules: Vec<Rule> = (0..33_000).map(|minor| allow(7, 2 * minor)).collect();
    assert!(program(&rules[..32_000]).is_some());
    assert!(program(&rules).is_none());
}
