//! pax records: what an extended header says instead of, and beyond, the ustar header.

/// What extended headers have said, the last word of each. A record with an empty value takes an
/// earlier one back.
#[derive(Debug, Clone, Default)]
pub struct Pax {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u64>,
    pub gid: Option<u64>,
    /// Seconds and nanoseconds.
    pub mtime: Option<(i64, u32)>,
    /// Extended attributes, names without the archiver's prefix.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub sparse: PaxSparse,
}

/// The GNU.sparse.* records, of all three versions.
#[derive(Debug, Clone, Default)]
pub struct PaxSparse {
    pub major: Option<u64>,
    pub minor: Option<u64>,
    pub name: Option<Vec<u8>>,
    pub real_size: Option<u64>,
    /// Offsets and lengths in turn, of 0.0 and 0.1.
    pub map: Option<Vec<u64>>,
}

impl Pax {
    /// Applies the records in `text`, or says what is wrong with them.
    pub fn read(&mut self, mut text: &[u8]) -> Result<(), String> {
        while !text.is_empty() {
            let (key, value, rest) = record(text).ok_or("its extended header is damaged")?;
            self.set(key, value).ok_or_else(|| {
                format!(
                    "its extended header has a wrong value for {}",
                    super::name::show(key)
                )
            })?;
            text = rest;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        match key {
            b"path" => self.path = text(value),
            b"linkpath" => self.link = text(value),
            b"size" => self.size = number(value)?,
            b"uid" => self.uid = number(value)?,
            b"gid" => self.gid = number(value)?,
            b"mtime" => {
                self.mtime = if value.is_empty() {
                    None
                } else {
                    Some(time(value)?)
                }
            }
            b"GNU.sparse.major" => self.sparse.major = number(value)?,
            b"GNU.sparse.minor" => self.sparse.minor = number(value)?,
            b"GNU.sparse.name" => self.sparse.name = text(value),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.real_size = number(value)?,
            b"GNU.sparse.numblocks" => self.sparse.map = Some(Vec::new()),
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                self.sparse
                    .map
                    .get_or_insert_default()
                    .push(number(value)??);
            }
            b"GNU.sparse.map" => self.sparse.map = Some(map(value)?),
            _ => self.set_xattr(key, value)?,
        }
        Some(())
    }

    /// Other keys say nothing that matters here (names of users, access times, comments).
    fn set_xattr(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let (name, value) = if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            (name.to_vec(), value.to_vec())
        } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.") {
            (unescape(name)?, base64(value)?)
        } else {
            return Some(());
        };
        if name.is_empty() || name.contains(&0) {
            return None;
        }
        self.xattrs.retain(|(known, _)| *known != name);
        self.xattrs.push((name, value));
        Some(())
    }
}

/// `LENGTH KEY=VALUE\n`, the length counting all of it: key, value and what follows.
fn record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().take(21).position(|byte| *byte == b' ')?;
    let length = usize::try_from(number(text.get(..space)?)??).ok()?;
    let record = text.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record
        .iter()
        .position(|byte| *byte == b'=')
        .filter(|at| *at > 0)?;
    Some((
        record.get(..equals)?,
        record.get(equals + 1..)?,
        text.get(length..)?,
    ))
}

fn text(value: &[u8]) -> Option<Vec<u8>> {
    (!value.is_empty()).then(|| value.to_vec())
}

/// Decimal digits only: outer None for anything else, inner None for an empty value.
fn number(value: &[u8]) -> Option<Option<u64>> {
    if value.is_empty() {
        return Some(None);
    }
    digits(value).map(Some)
}

fn digits(value: &[u8]) -> Option<u64> {
    value.iter().try_fold(0_u64, |sum, byte| match byte {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

/// Seconds with an optional sign and fraction; finer than nanoseconds is cut off.
fn time(value: &[u8]) -> Option<(i64, u32)> {
    let (negative, value) = match value.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let dot = value
        .iter()
        .position(|byte| *byte == b'.')
        .unwrap_or(value.len());
    let whole = value.get(..dot).filter(|whole| !whole.is_empty())?;
    let seconds = i64::try_from(digits(whole)?).ok()?;
    let fraction = value.get(dot + 1..).unwrap_or_default();
    digits(fraction.get(..fraction.len().min(9))?)?;
    let nanoseconds = (0..9).fold(0, |sum, place| {
        sum * 10
            + fraction
                .get(place)
                .map_or(0, |digit| u32::from(digit.saturating_sub(b'0')))
    });
    Some(match (negative, nanoseconds) {
        (false, _) => (seconds, nanoseconds),
        (true, 0) => (-seconds, 0),
        (true, _) => (-seconds - 1, 1_000_000_000 - nanoseconds),
    })
}

fn map(value: &[u8]) -> Option<Vec<u64>> {
    if value.is_empty() {
        return Some(Vec::new());
    }
    value
        .split(|byte| *byte == b',')
        .map(|part| number(part)?)
        .collect()
}

/// `%41` as in a URL.
fn unescape(name: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            plain.push(*first);
            continue;
        }
        let code = std::str::from_utf8(tail.get(..2)?).ok()?;
        plain.push(u8::from_str_radix(code, 16).ok()?);
        rest = tail.get(2..)?;
    }
    Some(plain)
}

/// Standard alphabet, with or without padding at the end.
fn base64(value: &[u8]) -> Option<Vec<u8>> {
    let end = value
        .iter()
        .rposition(|byte| *byte != b'=')
        .map_or(0, |last| last + 1);
    let (mut plain, mut bits, mut count) = (Vec::with_capacity(end * 3 / 4), 0_u32, 0);
    for byte in value.get(..end)? {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(digit)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            plain.push((bits >> count & 0xff) as u8);
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pax(text: &[u8]) -> Result<Pax, String> {
        let mut pax = Pax::default();
        pax.read(text).map(|()| pax)
    }

    #[test]
    fn records_are_read_and_the_last_word_counts() {
        let read = pax(b"9 path=a\n9 path=b\n13 size=1000\n23 mtime=1600000000.25\n").unwrap();
        assert_eq!(
            (read.path.as_deref(), read.size),
            (Some(&b"b"[..]), Some(1000))
        );
        assert_eq!(read.mtime, Some((1_600_000_000, 250_000_000)));
    }

    #[test]
    fn an_empty_value_takes_a_record_back() {
        assert_eq!(pax(b"9 path=a\n8 path=\n").unwrap().path, None);
    }

    #[test]
    fn times_before_1970_round_down() {
        assert_eq!(time(b"-1.25"), Some((-2, 750_000_000)));
        assert_eq!(time(b"-1"), Some((-1, 0)));
        assert_eq!(time(b"1.1234567899"), Some((1, 123_456_789)));
        assert_eq!(time(b"."), None);
    }

    #[test]
    fn damaged_records_are_refused() {
        for text in [
            &b"9 path=a"[..],
            b"99 path=a\n",
            b"x path=a\n",
            b"0 path=a\n",
            b"5 a\n\n",
            b"6 =a\n",
            b"3 \n",
            b"11 size=-1\n\n",
            b"10 size=x\n",
            b"30 size=99999999999999999999999\n",
        ] {
            assert!(pax(text).is_err(), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn attributes_of_both_archivers_are_read() {
        let read = pax(b"25 SCHILY.xattr.user.a=1\n34 LIBARCHIVE.xattr.user.%61=YWJj\n").unwrap();
        assert_eq!(read.xattrs, vec![(b"user.a".to_vec(), b"abc".to_vec())]);
    }
}
