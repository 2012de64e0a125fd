//! The options of one mount, as mount(8) and other runtimes name them.

use crate::sys::mount::{MountAttr, attr};

/// Sorted out by who takes them: the mount, the tree below it, or the filesystem.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `bind`, `rbind`: show an existing tree.
    pub bind: Option<Bind>,
    /// For the mount itself.
    pub attr: MountAttr,
    /// For everything mounted below, too (`rro`, `rnosuid`, ...).
    pub tree: MountAttr,
    pub data: Vec<Data>,
    /// `idmap`, `ridmap`.
    pub idmap: Option<Bind>,
    /// `tmpcopyup`: a tmpfs begins with what it covers.
    pub copy_up: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bind {
    Single,
    Recursive,
}

/// For the filesystem: `size=64k`, `volatile`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    Flag(String),
    Value(String, String),
}

impl Options {
    /// Sorts the options of a mount; what is not known here is the filesystem's.
    pub fn parse(options: &[String]) -> Self {
        let mut parsed = Self::default();
        for option in options {
            parsed.take(option);
        }
        parsed
    }

    /// The value that the filesystem gets for `key`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.data.iter().find_map(|data| match data {
            Data::Value(name, value) if name == key => Some(value.as_str()),
            _ => None,
        })
    }

    /// Removes and gives the value for `key`.
    pub fn take_value(&mut self, key: &str) -> Option<String> {
        let value = self.value(key)?.to_owned();
        self.data
            .retain(|data| !matches!(data, Data::Value(name, _) if name == key));
        Some(value)
    }

    fn take(&mut self, option: &str) {
        match option {
            "bind" => self.bind = Some(Bind::Single),
            "rbind" => self.bind = Some(Bind::Recursive),
            "tmpcopyup" => self.copy_up = true,
            "idmap" => self.idmap = Some(Bind::Single),
            "ridmap" => self.idmap = Some(Bind::Recursive),
            // Without a meaning for one mount: the defaults, and notes for tools.
            "defaults" | "async" | "nomand" | "loud" | "nolazytime" | "auto" | "noauto"
            | "user" | "_netdev" => {}
            _ => {
                if let Some(kind) = propagation(
                    option
                        .strip_prefix('r')
                        .filter(|_| option != "rw")
                        .unwrap_or(option),
                ) {
                    let to = if option.starts_with('r') {
                        &mut self.tree
                    } else {
                        &mut self.attr
                    };
                    to.propagation = kind;
                } else if let Some(flag) = flag(option) {
                    apply(&mut self.attr, flag);
                } else if let Some(flag) = option.strip_prefix('r').and_then(flag) {
                    apply(&mut self.tree, flag);
                } else {
                    self.data.push(match option.split_once('=') {
                        Some((key, value)) => Data::Value(key.to_owned(), value.to_owned()),
                        None => Data::Flag(option.to_owned()),
                    });
                }
            }
        }
    }
}

/// A flag of mount_setattr: what it clears, then what it sets.
type Flag = (u64, u64);

fn apply(to: &mut MountAttr, (clear, set): Flag) {
    to.set = (to.set & !clear) | set;
    to.clear = (to.clear & !set) | clear;
    if to.clear & attr::ATIME != 0 {
        to.clear |= attr::ATIME;
    }
}

fn flag(option: &str) -> Option<Flag> {
    Some(match option {
        "ro" => (0, attr::RDONLY),
        "rw" => (attr::RDONLY, 0),
        "nosuid" => (0, attr::NOSUID),
        "suid" => (attr::NOSUID, 0),
        "nodev" => (0, attr::NODEV),
        "dev" => (attr::NODEV, 0),
        "noexec" => (0, attr::NOEXEC),
        "exec" => (attr::NOEXEC, 0),
        "nodiratime" => (0, attr::NODIRATIME),
        "diratime" => (attr::NODIRATIME, 0),
        "nosymfollow" => (0, attr::NOSYMFOLLOW),
        "symfollow" => (attr::NOSYMFOLLOW, 0),
        "noatime" => (attr::ATIME, attr::NOATIME),
        "strictatime" => (attr::ATIME, attr::STRICTATIME),
        "relatime" | "atime" | "norelatime" | "nostrictatime" => (attr::ATIME, attr::RELATIME),
        _ => return None,
    })
}

/// `shared`, `slave`, `private`, `unbindable` as MS_*.
pub fn propagation(name: &str) -> Option<u64> {
    Some(match name {
        "shared" => libc::MS_SHARED,
        "slave" => libc::MS_SLAVE,
        "private" => libc::MS_PRIVATE,
        "unbindable" => libc::MS_UNBINDABLE,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str]) -> Options {
        Options::parse(
            &options
                .iter()
                .map(|&option| option.to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn flags_are_the_mounts_and_the_rest_is_the_filesystems() {
        let options = parse(&["nosuid", "noexec", "ro", "mode=755", "size=64k", "volatile"]);
        assert_eq!(options.attr.set, attr::NOSUID | attr::NOEXEC | attr::RDONLY);
        assert_eq!(options.value("mode"), Some("755"));
        assert_eq!(options.data.len(), 3);
        assert_eq!(options.data[2], Data::Flag("volatile".into()));
    }

    #[test]
    fn the_last_of_two_contrary_flags_counts() {
        let options = parse(&["ro", "rw", "suid", "nosuid"]);
        assert_eq!(options.attr.set, attr::NOSUID);
        assert_eq!(options.attr.clear, attr::RDONLY);
    }

    #[test]
    fn an_access_time_is_changed_as_a_whole() {
        let options = parse(&["noatime"]);
        assert_eq!(
            (options.attr.set, options.attr.clear),
            (attr::NOATIME, attr::ATIME)
        );
        let options = parse(&["noatime", "relatime"]);
        assert_eq!((options.attr.set, options.attr.clear), (0, attr::ATIME));
    }

    #[test]
    fn a_leading_r_means_the_tree() {
        let options = parse(&["rbind", "rro", "rslave", "private"]);
        assert_eq!(options.bind, Some(Bind::Recursive));
        assert_eq!(options.tree.set, attr::RDONLY);
        assert_eq!(options.tree.propagation, libc::MS_SLAVE);
        assert_eq!(options.attr.propagation, libc::MS_PRIVATE);
        assert_eq!(options.attr.set, 0);
    }
}
