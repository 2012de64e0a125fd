//! From a v1 list as it is to the rules as they shall be, line by line.

use std::collections::BTreeMap;

use super::Rule;
use crate::spec::resources::DeviceKind;

/// Block or character, major, minor; None is every number.
type Key = (bool, Option<u32>, Option<u32>);
/// r, w, m.
type Access = [bool; 3];

/// What to allow, then what to deny. None: it cannot be said so, because the list allows everything
/// or the rules take back what they gave before.
pub fn between(list: &str, rules: &[Rule]) -> Option<Vec<Rule>> {
    let now = parse(list)?;
    let wanted = granted(rules)?;
    let missing = surplus(&wanted, &now).map(|(key, access)| rule(true, key, access));
    let obsolete = surplus(&now, &wanted).map(|(key, access)| rule(false, key, access));
    Some(missing.chain(obsolete).collect())
}

/// What `of` has and `beside` lacks.
fn surplus<'a>(
    of: &'a BTreeMap<Key, Access>,
    beside: &'a BTreeMap<Key, Access>,
) -> impl Iterator<Item = (Key, Access)> + 'a {
    of.iter().filter_map(|(key, access)| {
        let other = beside.get(key).copied().unwrap_or_default();
        let rest = [0, 1, 2].map(|index| access[index] && !other[index]);
        rest.contains(&true).then_some((*key, rest))
    })
}

/// The first rule denies everything; after it there may only be permissions.
fn granted(rules: &[Rule]) -> Option<BTreeMap<Key, Access>> {
    let mut found = BTreeMap::new();
    let start = rules.iter().rposition(|rule| {
        !rule.allow
            && rule.kind == DeviceKind::All
            && (rule.read, rule.write, rule.mknod) == (true, true, true)
    })?;
    for rule in &rules[start + 1..] {
        if !rule.allow || rule.kind == DeviceKind::All {
            return None;
        }
        let key = (rule.kind == DeviceKind::Block, rule.major, rule.minor);
        add(&mut found, key, [rule.read, rule.write, rule.mknod]);
    }
    Some(found)
}

/// Lines such as `c 1:3 rwm` and `b *:* m`.
fn parse(list: &str) -> Option<BTreeMap<Key, Access>> {
    let mut found = BTreeMap::new();
    for line in list.lines() {
        let mut fields = line.split(' ');
        let kind = fields.next()?;
        let (major, minor) = fields.next()?.split_once(':')?;
        let access = fields.next()?;
        if !matches!(kind, "b" | "c") {
            return None;
        }
        let key = (kind == "b", number(major)?, number(minor)?);
        add(
            &mut found,
            key,
            ['r', 'w', 'm'].map(|letter| access.contains(letter)),
        );
    }
    Some(found)
}

fn number(text: &str) -> Option<Option<u32>> {
    match text {
        "*" => Some(None),
        _ => text.parse().ok().map(Some),
    }
}

fn add(to: &mut BTreeMap<Key, Access>, key: Key, access: Access) {
    let entry = to.entry(key).or_default();
    *entry = [0, 1, 2].map(|index| entry[index] || access[index]);
}

fn rule(allow: bool, (block, major, minor): Key, [read, write, mknod]: Access) -> Rule {
    Rule {
        allow,
        kind: if block {
            DeviceKind::Block
        } else {
            DeviceKind::Character
        },
        major,
        minor,
        read,
        write,
        mknod,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NOTHING, line_of};
    use super::*;

    fn gpu(minor: u32, access: Access) -> Rule {
        rule(true, (false, Some(195), Some(minor)), access)
    }

    fn lines(list: &str, rules: &[Rule]) -> Vec<String> {
        let rules: Vec<Rule> = [NOTHING].into_iter().chain(rules.iter().copied()).collect();
        between(list, &rules)
            .unwrap()
            .iter()
            .map(|rule| format!("{} {}", if rule.allow { '+' } else { '-' }, line_of(rule)))
            .collect()
    }

    #[test]
    fn only_what_differs_is_written() {
        let list = "c 195:0 rw\nc *:* m\n";
        let any = rule(true, (false, None, None), [false, false, true]);
        assert!(lines(list, &[gpu(0, [true, true, false]), any]).is_empty());
        assert_eq!(
            lines(list, &[gpu(1, [true, true, false]), any]),
            ["+ c 195:1 rw", "- c 195:0 rw"]
        );
        assert_eq!(
            lines(list, &[gpu(0, [true, false, false]), any]),
            ["- c 195:0 w"]
        );
    }

    #[test]
    fn an_open_list_is_replaced_as_a_whole() {
        assert!(between("a *:* rwm\n", &[NOTHING]).is_none());
        let denied = Rule {
            allow: false,
            ..gpu(0, [true; 3])
        };
        assert!(between("", &[NOTHING, gpu(0, [true; 3]), denied]).is_none());
    }
}
