//! Wall-clock time as text.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::Timespec;

/// Now, as `2026-11-23T10:00:00.123456789Z`: RFC 3339, UTC, nanoseconds, always 30 characters.
pub fn now() -> String {
    // The C library's clock: it knows the kernel's page already.
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    rfc3339(Timespec {
        tv_sec: since.as_secs().cast_signed(),
        tv_nsec: since.subsec_nanos().into(),
    })
}

/// `time` since the epoch in the same form; years beyond 0 to 9999 are not written right.
pub fn rfc3339(time: Timespec) -> String {
    let (days, second) = (
        time.tv_sec.div_euclid(86_400),
        time.tv_sec.rem_euclid(86_400),
    );
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z",
        time.tv_nsec
    )
}

/// The proleptic Gregorian date of a day since 1970-01-01. Years are counted from March, so that
/// the leap day is a year's last.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468; // since 0000-03-01
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_utc_with_nanoseconds() {
        let at = |tv_sec, tv_nsec| rfc3339(Timespec { tv_sec, tv_nsec });
        assert_eq!(at(0, 0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(at(951_827_696, 5), "2000-02-29T12:34:56.000000005Z");
        assert_eq!(
            at(1_795_428_000, 123_456_789),
            "2026-11-23T10:00:00.123456789Z"
        );
        assert_eq!(
            at(4_107_542_399, 999_999_999),
            "2100-02-28T23:59:59.999999999Z"
        );
        assert_eq!(at(4_107_542_400, 0), "2100-03-01T00:00:00.000000000Z");
        assert_eq!(at(-1, 0), "1969-12-31T23:59:59.000000000Z");
        assert_eq!(now().len(), 30);
    }
}
