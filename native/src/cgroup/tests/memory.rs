use super::*;

const MIB: i64 = 1 << 20;

fn now(limit: u64) -> Now {
    Now {
        limit,
        usage: 5 * MIB.cast_unsigned(),
        swap: true,
    }
}

fn memory(limit: i64, swap: Option<i64>) -> Memory {
    Memory {
        limit: Some(limit),
        swap,
        ..Memory::default()
    }
}

fn shown(writes: &[Write]) -> Vec<String> {
    writes
        .iter()
        .map(|write| format!("{}={}", write.file, write.value))
        .collect()
}

#[test]
fn v1_raises_memory_and_swap_together_before_memory() {
    let writes = v1(
        &memory(64 * MIB, Some(128 * MIB)),
        &now(32 * MIB.cast_unsigned()),
    )
    .unwrap();
    assert_eq!(
        shown(&writes),
        [
            "memory.memsw.limit_in_bytes=134217728",
            "memory.limit_in_bytes=67108864"
        ]
    );
}

#[test]
fn v1_lowers_memory_before_memory_and_swap_together() {
    let writes = v1(&memory(64 * MIB, Some(64 * MIB)), &now(u64::MAX)).unwrap();
    assert_eq!(
        shown(&writes),
        [
            "memory.limit_in_bytes=67108864",
            "memory.memsw.limit_in_bytes=67108864"
        ]
    );
}

#[test]
fn v1_lifts_both_when_memory_becomes_unlimited() {
    let writes = v1(&memory(-1, None), &now(32 * MIB.cast_unsigned())).unwrap();
    assert_eq!(
        shown(&writes),
        ["memory.memsw.limit_in_bytes=-1", "memory.limit_in_bytes=-1"]
    );
}

#[test]
fn v2_limits_swap_by_itself() {
    let writes = v2(&memory(64 * MIB, Some(96 * MIB)), &now(u64::MAX)).unwrap();
    assert_eq!(
        shown(&writes),
        ["memory.swap.max=33554432", "memory.max=67108864"]
    );
    let unlimited = v2(&memory(64 * MIB, Some(-1)), &now(u64::MAX)).unwrap();
    assert_eq!(shown(&unlimited)[0], "memory.swap.max=max");
    let later = Memory {
        swap: Some(96 * MIB),
        ..Memory::default()
    };
    assert_eq!(
        shown(&v2(&later, &now(64 * MIB.cast_unsigned())).unwrap()),
        ["memory.swap.max=33554432"]
    );
    assert!(v2(&later, &now(u64::MAX)).is_err());
}

#[test]
fn without_swap_accounting_only_what_needs_none_is_taken() {
    let none = Now {
        swap: false,
        ..now(u64::MAX)
    };
    for set in [v1, v2] {
        assert_eq!(
            set(&memory(64 * MIB, Some(64 * MIB)), &none).unwrap().len(),
            1
        );
        assert_eq!(set(&memory(64 * MIB, Some(-1)), &none).unwrap().len(), 1);
        let error = set(&memory(64 * MIB, Some(65 * MIB)), &none).unwrap_err();
        assert!(error.hint.unwrap().contains("swapaccount=1"));
    }
}

#[test]
fn a_limit_below_the_usage_is_refused_when_asked_to_look() {
    let low = Memory {
        check_before_update: Some(true),
        ..memory(MIB, None)
    };
    assert!(
        v2(&low, &now(u64::MAX))
            .unwrap_err()
            .reason
            .contains("5242880")
    );
    assert!(v2(&memory(MIB, None), &now(u64::MAX)).is_ok());
}

#[test]
fn swap_below_memory_names_the_field() {
    let error = check(&memory(64 * MIB, Some(MIB))).unwrap_err();
    assert_eq!(error.subject, "memory.swap");
    assert!(check(&memory(-2, None)).is_err());
}
