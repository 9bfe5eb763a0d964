//! Kubernetes quantities (`2000Gi`, `500m`, `4`): parsed so that a bad one is refused at start, not while rendering.

use std::{fmt, str::FromStr};

/// A quantity as it was written, known to be well-formed and not negative.
///
/// Grammar: <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    text: String,
    /// Value in thousandths (`1` is 1000): enough for cpu and exact for storage up to 10³⁵.
    milli: u128,
}

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a Kubernetes quantity such as 500m, 4, 32Gi or 2000Gi: {why}")]
pub struct BadQuantity {
    text: String,
    why: &'static str,
}

impl Quantity {
    /// The quantity as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The value in thousandths, for comparisons.
    #[must_use]
    pub fn milli(&self) -> u128 {
        self.milli
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Quantity {
    type Err = BadQuantity;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |why| BadQuantity { text: text.to_owned(), why };
        let digits_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(bad("it does not begin with a number"));
        }
        if fraction.contains('.') {
            return Err(bad("it has two decimal points"));
        }
        let (factor, divisor) = multiplier(suffix).ok_or_else(|| bad("its suffix is unknown"))?;
        let too_large = || bad("it is too large");
        let digits: u128 = match format!("{whole}{fraction}").trim_start_matches('0') {
            "" => 0,
            significant => significant.parse().map_err(|_| too_large())?,
        };
        let scale = u32::try_from(fraction.len())
            .ok()
            .and_then(|places| 10_u128.checked_pow(places))
            .ok_or_else(|| bad("it has too many decimals"))?;
        let product =
            digits.checked_mul(factor).and_then(|value| value.checked_mul(1000)).ok_or_else(too_large)?;
        let denominator = scale.checked_mul(divisor).ok_or_else(|| bad("it has too many decimals"))?;
        // Kubernetes rounds a fraction of the least unit up.
        Ok(Self { text: text.to_owned(), milli: product.div_ceil(denominator) })
    }
}

/// Factor and divisor of a suffix.
fn multiplier(suffix: &str) -> Option<(u128, u128)> {
    let binary = |power: u32| Some((1024_u128.checked_pow(power)?, 1));
    let decimal = |power: u32| Some((10_u128.checked_pow(power)?, 1));
    match suffix {
        "" => Some((1, 1)),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        "n" => Some((1, 1_000_000_000)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1_000)),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        _ => exponent(suffix),
    }
}

/// `e3`, `E-2`: a decimal exponent.
fn exponent(suffix: &str) -> Option<(u128, u128)> {
    let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
    let size = 10_u128.checked_pow(power.unsigned_abs())?;
    Some(if power < 0 { (1, size) } else { (size, 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, milli: u128) {
        assert_eq!(text.parse::<Quantity>().unwrap().milli(), milli, "{text}");
    }

    #[test]
    fn every_form_of_the_grammar_is_read() {
        check("4", 4_000);
        check("500m", 500);
        check("0.5", 500);
        check(".5", 500);
        check("1.", 1_000);
        check("32Gi", 32 * 1024 * 1024 * 1024 * 1000);
        check("40Ti", 40 * (1 << 40) * 1000);
        check("1k", 1_000_000);
        check("1e3", 1_000_000);
        check("12E-1", 1_200);
        check("1u", 1);
        check("0", 0);
    }

    #[test]
    fn equal_amounts_written_differently_compare_equal() {
        let of = |text: &str| text.parse::<Quantity>().unwrap().milli();
        assert_eq!(of("2Ti"), of("2048Gi"));
        assert_eq!(of("1"), of("1000m"));
    }

    #[test]
    fn nonsense_is_refused_with_the_text_and_the_reason() {
        for (text, why) in [
            ("", "does not begin with a number"),
            ("Gi", "does not begin with a number"),
            ("-1", "does not begin with a number"),
            ("1..2", "two decimal points"),
            ("5 Gi", "suffix is unknown"),
            ("5GB", "suffix is unknown"),
            ("1e99", "suffix is unknown"),
            ("999999999999999999999999999999999999999999", "too large"),
        ] {
            let message = text.parse::<Quantity>().unwrap_err().to_string();
            assert!(message.contains(why) && message.contains(&format!("{text:?}")), "{message}");
        }
    }
}
