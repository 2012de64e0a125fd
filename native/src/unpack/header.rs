//! One 512-byte header as it stands in the archive: fields by their places, and numbers.

use crate::unpack::stream::Block;

/// A header block. The accessors name the field where it is broken.
pub struct Header<'a>(pub &'a Block);

/// Which dialect the magic names; it decides what the bytes behind it mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    V7,
    Ustar,
    /// ustar with the access times of star at the end of the prefix.
    Star,
    Gnu,
}

impl Header<'_> {
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    /// Compares the checksum, also with the sum of signed bytes that some old programs wrote.
    pub fn checksum_fits(&self) -> bool {
        let own = |index: usize, byte: u8| {
            if (148..156).contains(&index) {
                b' '
            } else {
                byte
            }
        };
        let bytes = || {
            self.0
                .iter()
                .enumerate()
                .map(|(index, byte)| own(index, *byte))
        };
        let unsigned: i64 = bytes().map(i64::from).sum();
        let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
        self.number(148, 8, "checksum")
            .is_ok_and(|sum| sum == unsigned || sum == signed)
    }

    pub fn kind(&self) -> u8 {
        self.0[156]
    }

    pub fn dialect(&self) -> Dialect {
        match (self.field(257, 8), self.field(508, 4)) {
            (b"ustar  \0", _) => Dialect::Gnu,
            (magic, b"tar\0") if magic.starts_with(b"ustar\0") => Dialect::Star,
            (magic, _) if magic.starts_with(b"ustar") => Dialect::Ustar,
            _ => Dialect::V7,
        }
    }

    /// The name, with the prefix in front where the dialect has one.
    pub fn name(&self) -> Vec<u8> {
        let prefix = match self.dialect() {
            Dialect::Ustar => self.text(345, 155),
            Dialect::Star => self.text(345, 131),
            Dialect::V7 | Dialect::Gnu => b"",
        };
        let mut name = prefix.to_vec();
        if !prefix.is_empty() {
            name.push(b'/');
        }
        name.extend_from_slice(self.text(0, 100));
        name
    }

    pub fn link(&self) -> &[u8] {
        self.text(157, 100)
    }

    pub fn mode(&self) -> Number {
        self.number(100, 8, "mode")
    }

    pub fn uid(&self) -> Number {
        self.number(108, 8, "uid")
    }

    pub fn gid(&self) -> Number {
        self.number(116, 8, "gid")
    }

    pub fn size(&self) -> Number {
        self.number(124, 12, "size")
    }

    pub fn mtime(&self) -> Number {
        self.number(136, 12, "mtime")
    }

    /// Major and minor number of a device.
    pub fn device(&self) -> Result<(i64, i64), String> {
        match self.dialect() {
            Dialect::V7 => Ok((0, 0)),
            _ => Ok((
                self.number(329, 8, "device major")?,
                self.number(337, 8, "device minor")?,
            )),
        }
    }

    /// GNU's field of the real size of a sparse file.
    pub fn real_size(&self) -> Number {
        self.number(483, 12, "real size")
    }

    fn text(&self, at: usize, length: usize) -> &[u8] {
        let field = self.field(at, length);
        field
            .iter()
            .position(|byte| *byte == 0)
            .and_then(|end| field.get(..end))
            .unwrap_or(field)
    }

    fn number(&self, at: usize, length: usize, what: &str) -> Number {
        number(self.field(at, length)).ok_or_else(|| format!("its {what} is not a number"))
    }

    fn field(&self, at: usize, length: usize) -> &[u8] {
        self.0.get(at..at + length).unwrap_or_default()
    }
}

/// A field's value, or what is wrong with it.
pub type Number = Result<i64, String>;

/// Octal digits between spaces and zeros, or GNU's base 256. None: neither, or above 63 bits.
pub fn number(field: &[u8]) -> Option<i64> {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => base256(*first, rest),
        _ => octal(field),
    }
}

fn octal(field: &[u8]) -> Option<i64> {
    let start = field
        .iter()
        .position(|byte| *byte != b' ')
        .unwrap_or(field.len());
    let digits = field.get(start..)?;
    let end = digits
        .iter()
        .position(|byte| matches!(byte, 0 | b' '))
        .unwrap_or(digits.len());
    digits
        .get(..end)?
        .iter()
        .try_fold(0_i64, |value, byte| match byte {
            b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
            _ => None,
        })
}

/// Two's complement in the field's bits but the first.
fn base256(first: u8, rest: &[u8]) -> Option<i64> {
    let start = if first & 0x40 != 0 { -1 } else { 0 };
    let top = i64::from(first & 0x3f) | (start & !0x3f);
    rest.iter().try_fold(top, |value, byte| {
        value.checked_mul(256)?.checked_add(i64::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_numbers_may_stand_between_spaces_and_zeros() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"  644 \0\0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(number(b"77777777777\0"), Some(0o77_777_777_777));
    }

    #[test]
    fn a_field_that_is_no_number_is_refused() {
        assert_eq!(number(b"000089\0\0"), None);
        assert_eq!(number(b"-1\0\0\0\0\0\0"), None);
        assert_eq!(number(b"0x10\0\0\0\0"), None);
    }

    #[test]
    fn base_256_has_a_sign_and_a_limit() {
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 1, 2]), Some(258));
        assert_eq!(number(&[0xff; 8]), Some(-1));
        assert_eq!(
            number(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]),
            Some(-2)
        );
        assert_eq!(
            number(&[0x80, 0, 0, 0, 0x7f, 255, 255, 255, 255, 255, 255, 255]),
            Some(i64::MAX)
        );
        assert_eq!(number(&[0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
