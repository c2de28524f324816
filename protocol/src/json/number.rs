//! Numbers as Java writes them.

/// `Double.toString` of Java: `0.3`, `3.0`, `1.0E7`, `1.0E-4`.
///
/// Plain digits from 0.001 up to ten million, an exponent outside. What is not a number has no
/// text here; the caller writes null.
pub(super) fn java_double(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    let magnitude = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&magnitude) {
        let plain = format!("{value}");
        return Some(if plain.contains('.') { plain } else { format!("{plain}.0") });
    }
    // Rust writes `1.5e7` and `1e7`; Java `1.5E7` and `1.0E7`.
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    Some(format!("{digits}{point}E{exponent}"))
}

#[cfg(test)]
mod tests {
    use super::java_double;

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        let written = |value| java_double(value).unwrap_or_default();

        assert_eq!(written(0.0), "0.0");
        assert_eq!(written(-0.0), "-0.0");
        assert_eq!(written(0.3), "0.3");
        assert_eq!(written(3.0), "3.0");
        assert_eq!(written(0.001), "0.001");
        assert_eq!(written(0.0001), "1.0E-4");
        assert_eq!(written(9_999_999.0), "9999999.0");
        assert_eq!(written(1e7), "1.0E7");
        assert_eq!(written(-12_345_678.5), "-1.23456785E7");
        assert_eq!(java_double(f64::NAN), None);
        assert_eq!(java_double(f64::INFINITY), None);
    }
}
