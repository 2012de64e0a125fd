//! What a unit is given: its kind, and the limits in systemd's terms, as busctl's words.
//! Names and units: org.freedesktop.systemd1(5) and systemd.resource-control(5).

use super::super::limits;
use super::unit::Unit;
use crate::spec::resources::Resources;

/// systemd's "infinity".
const INFINITY: u64 = u64::MAX;

/// cpu.max's period where none is given, microseconds.
const PERIOD: u64 = 100_000;

/// systemd keeps a quota as whole percents of a processor: this many microseconds of a second.
const PERCENT: u64 = 10_000;

/// Files of v2 whose value is one number or "max", and the property that stands for it.
const UNIFIED: [(&str, &str); 8] = [
    ("cpu.weight", "CPUWeight"),
    ("io.weight", "IOWeight"),
    ("memory.high", "MemoryHigh"),
    ("memory.low", "MemoryLow"),
    ("memory.max", "MemoryMax"),
    ("memory.min", "MemoryMin"),
    ("memory.swap.max", "MemorySwapMax"),
    ("pids.max", "TasksMax"),
];

/// Name, D-Bus type, and the words of the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property(String, &'static str, Vec<String>);

impl Property {
    /// Of one word.
    pub fn new(name: &str, kind: &'static str, value: String) -> Self {
        Self(name.to_owned(), kind, vec![value])
    }

    fn text(name: &str, value: impl Into<String>) -> Self {
        Self::new(name, "s", value.into())
    }

    fn truth(name: &str, value: bool) -> Self {
        Self::new(name, "b", value.to_string())
    }

    fn number(name: &str, value: u64) -> Self {
        Self::new(name, "t", value.to_string())
    }
}

/// The words of an array of properties.
pub fn counted(properties: &[Property]) -> Vec<String> {
    let words = |Property(name, kind, value): &Property| {
        let mut words = vec![name.clone(), (*kind).to_owned()];
        words.extend(value.iter().cloned());
        words
    };
    std::iter::once(properties.len().to_string())
        .chain(properties.iter().flat_map(words))
        .collect()
}

/// A scope that is the container's alone, with its init in it, and that is forgotten when it ends.
pub fn of_scope(unit: &Unit, init: i32) -> Vec<Property> {
    let mut properties = vec![
        Property::text("Description", format!("container {}", unit.name)),
        Property::text("Slice", unit.slice.as_str()),
        Property::text("CollectMode", "inactive-or-failed"),
        Property::truth("Delegate", true),
        Property::truth("DefaultDependencies", false),
        Property(
            "PIDs".to_owned(),
            "au",
            vec!["1".to_owned(), init.to_string()],
        ),
    ];
    properties.extend(
        [
            "CPUAccounting",
            "IOAccounting",
            "MemoryAccounting",
            "TasksAccounting",
        ]
        .map(|name| Property::truth(name, true)),
    );
    properties
}

/// The limits that systemd knows; the others are the kernel's alone. `period`: the one in force,
/// microseconds, for a quota that comes without one.
pub fn of(resources: &Resources, period: Option<u64>) -> Vec<Property> {
    let mut found = Vec::new();
    memory(resources, &mut found);
    cpu(resources, period, &mut found);
    let pids = resources.pids.as_ref().and_then(|pids| pids.limit);
    found.extend(pids.map(|limit| {
        let limit = u64::try_from(limit).ok().filter(|limit| *limit != 0);
        Property::number("TasksMax", limit.unwrap_or(INFINITY))
    }));
    let weight = resources.block_io.as_ref().and_then(|io| io.weight);
    found.extend(
        (weight.filter(|weight| *weight != 0))
            .map(|weight| Property::number("IOWeight", limits::io_weight(weight).into())),
    );
    for (file, name) in UNIFIED {
        let Some(text) = resources.unified.get(file) else {
            continue;
        };
        let value = if text == "max" {
            Some(INFINITY)
        } else {
            text.parse().ok()
        };
        if let Some(value) = value {
            found.retain(|property| property.0 != name);
            found.push(Property::number(name, value));
        }
    }
    found
}

fn memory(resources: &Resources, found: &mut Vec<Property>) {
    let Some(memory) = &resources.memory else {
        return;
    };
    let given = |value: Option<i64>| value.filter(|value| *value != 0);
    let bytes = |value: i64| u64::try_from(value).unwrap_or(INFINITY);
    let limit = given(memory.limit);
    found.extend(limit.map(|limit| Property::number("MemoryMax", bytes(limit))));
    found.extend(given(memory.reservation).map(|low| Property::number("MemoryLow", bytes(low))));
    // Memory and swap together; what stands alone is for the kernel's file, which knows the limit.
    let swap = match (given(memory.swap), limit) {
        (Some(-1), _) => Some(INFINITY),
        (Some(swap), Some(limit)) => u64::try_from(swap.saturating_sub(limit)).ok(),
        _ => None,
    };
    found.extend(swap.map(|swap| Property::number("MemorySwapMax", swap)));
}

fn cpu(resources: &Resources, now: Option<u64>, found: &mut Vec<Property>) {
    let Some(cpu) = &resources.cpu else {
        return;
    };
    let shares = cpu
        .shares
        .filter(|shares| *shares != 0 && cpu.idle != Some(1));
    found.extend(
        shares.map(|shares| Property::number("CPUWeight", limits::shares_to_weight(shares))),
    );
    if cpu.idle == Some(1) {
        found.push(Property::number("CPUWeight", 0));
    }
    let given = cpu.period.filter(|period| *period != 0);
    found.extend(given.map(|period| Property::number("CPUQuotaPeriodUSec", period)));
    let quota = cpu.quota.filter(|quota| *quota != 0).map(|quota| {
        let period = given.or(now).unwrap_or(PERIOD);
        u64::try_from(quota).map_or(INFINITY, |quota| {
            (quota.saturating_mul(1_000_000) / period).next_multiple_of(PERCENT)
        })
    });
    found.extend(quota.map(|each| Property::number("CPUQuotaPerSecUSec", each)));
    for (name, list) in [
        ("AllowedCPUs", &cpu.cpus),
        ("AllowedMemoryNodes", &cpu.mems),
    ] {
        let bits = list
            .as_deref()
            .filter(|list| !list.is_empty())
            .and_then(bits);
        found.extend(bits.map(|bits| {
            let words =
                std::iter::once(bits.len().to_string()).chain(bits.iter().map(ToString::to_string));
            Property(name.to_owned(), "ay", words.collect())
        }));
    }
}

/// "0-3,7" as a mask, the lowest byte first. None: no such list, or beyond the kernel's 8192.
fn bits(list: &str) -> Option<Vec<u8>> {
    let mut mask = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if last >= 8192 {
            return None;
        }
        for bit in first..=last {
            if mask.len() <= bit / 8 {
                mask.resize(bit / 8 + 1, 0);
            }
            mask[bit / 8] |= 1 << (bit % 8);
        }
    }
    Some(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(resources: &str, period: Option<u64>) -> Vec<String> {
        let resources: Resources = serde_json::from_str(resources).unwrap();
        let join =
            |Property(name, kind, value): Property| format!("{name} {kind} {}", value.join(" "));
        of(&resources, period).into_iter().map(join).collect()
    }

    #[test]
    fn limits_are_said_in_systemds_terms() {
        let given = r#"{"memory": {"limit": 1000, "swap": 3000, "reservation": 500}, "pids": {"limit": 7},
            "cpu": {"shares": 1024, "quota": 50000, "period": 20000, "cpus": "0-1,9", "mems": "0"},
            "blockIO": {"weight": 10}}"#;
        assert_eq!(
            words(given, None),
            [
                "MemoryMax t 1000",
                "MemoryLow t 500",
                "MemorySwapMax t 2000",
                "CPUWeight t 100",
                "CPUQuotaPeriodUSec t 20000",
                "CPUQuotaPerSecUSec t 2500000",
                "AllowedCPUs ay 2 3 2",
                "AllowedMemoryNodes ay 1 1",
                "TasksMax t 7",
                "IOWeight t 1",
            ]
        );
    }

    #[test]
    fn no_limit_is_infinity_and_zero_is_not_given() {
        let infinity = u64::MAX;
        assert_eq!(
            words(
                r#"{"memory": {"limit": -1, "swap": -1}, "pids": {"limit": -1}, "cpu": {"quota": -1}}"#,
                None
            ),
            [
                format!("MemoryMax t {infinity}"),
                format!("MemorySwapMax t {infinity}"),
                format!("CPUQuotaPerSecUSec t {infinity}"),
                format!("TasksMax t {infinity}"),
            ]
        );
        let zeros = r#"{"memory": {"limit": 0, "swap": 0}, "cpu": {"shares": 0, "quota": 0, "period": 0, "cpus": ""},
            "blockIO": {"weight": 0}}"#;
        assert!(words(zeros, None).is_empty());
    }

    #[test]
    fn a_quota_counts_by_the_period_in_force_and_in_whole_percents() {
        let quota = r#"{"cpu": {"quota": 33333}}"#;
        assert_eq!(words(quota, None), ["CPUQuotaPerSecUSec t 340000"]);
        assert_eq!(words(quota, Some(50_000)), ["CPUQuotaPerSecUSec t 670000"]);
    }

    #[test]
    fn unified_has_the_last_word() {
        let given = r#"{"memory": {"limit": 1000}, "unified": {"memory.max": "2000", "memory.high": "max", "io.max": "8:0 rbps=1"}}"#;
        assert_eq!(
            words(given, None),
            [
                format!("MemoryHigh t {}", u64::MAX),
                "MemoryMax t 2000".to_owned()
            ]
        );
    }

    #[test]
    fn an_array_says_how_many_it_has() {
        let unit = Unit::new(None, "c1", false).unwrap();
        let all = of_scope(&unit, 42);
        let words = counted(&all);
        assert_eq!(words[0], all.len().to_string());
        let at = words.iter().position(|word| word == "PIDs").unwrap();
        assert_eq!(words[at..at + 4], ["PIDs", "au", "1", "42"]);
    }
}
