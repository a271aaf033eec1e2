//! Money that people pay, as whole numbers of its smallest unit.

use std::fmt;

/// What people pay in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Currency {
    /// Roubles; the smallest unit is the kopeck.
    Rub,
    /// Telegram Stars, which have no smaller unit.
    Xtr,
}

impl Currency {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Rub, Self::Xtr];

    /// Its ISO 4217 code, or the one that stands for it (`XTR`).
    pub const fn code(self) -> &'static str {
        match self {
            Self::Rub => "RUB",
            Self::Xtr => "XTR",
        }
    }

    /// The currency of that code.
    pub fn parse(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|currency| currency.code() == code)
    }

    /// Digits after the decimal point.
    const fn exponent(self) -> usize {
        match self {
            Self::Rub => 2,
            Self::Xtr => 0,
        }
    }
}

/// An amount. Shown with as many decimals as its currency has: `890.00`, `445`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    /// Of what.
    pub currency: Currency,
    /// How many of the smallest unit: kopecks, Stars. Never below 0.
    pub amount_minor: i64,
}

impl Money {
    /// Roubles, by their kopecks.
    pub const fn kopecks(amount_kopecks: i64) -> Self {
        Self { currency: Currency::Rub, amount_minor: amount_kopecks }
    }

    /// Telegram Stars.
    pub const fn stars(amount_stars: i64) -> Self {
        Self { currency: Currency::Xtr, amount_minor: amount_stars }
    }

    /// What roubles come to in Telegram Stars, rounded up. A Star counts for `kopecks_per_star`, for 1 at least.
    pub fn in_stars(amount_kopecks: i64, kopecks_per_star: i64) -> Self {
        let per_star = kopecks_per_star.max(1);
        let up = amount_kopecks.saturating_add(per_star.saturating_sub(1));
        Self::stars(up.checked_div(per_star).unwrap_or(i64::MAX))
    }

    /// Reads plain decimal notation with at most the currency's decimals: `890`, `890.5`, `890.00`. `None` for anything else,
    /// a negative amount included.
    pub fn parse(text: &str, currency: Currency) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let decimals = currency.exponent();
        let is_plain = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || fraction.len() > decimals || !is_plain(whole) || !is_plain(fraction) {
            return None;
        }
        let amount_minor = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
        Some(Self { currency, amount_minor })
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.currency {
            Currency::Rub => {
                write!(f, "{}.{:02}", self.amount_minor.div_euclid(100), self.amount_minor.rem_euclid(100))
            }
            Currency::Xtr => self.amount_minor.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_they_are_shown() {
        for (text, currency, amount_minor) in [
            ("890.00", Currency::Rub, Some(89_000)),
            ("890", Currency::Rub, Some(89_000)),
            ("0.5", Currency::Rub, Some(50)),
            ("0.05", Currency::Rub, Some(5)),
            ("445", Currency::Xtr, Some(445)),
            ("445.0", Currency::Xtr, None),
            ("1.001", Currency::Rub, None),
            ("-1.00", Currency::Rub, None),
            ("+1", Currency::Rub, None),
            (".50", Currency::Rub, None),
            ("", Currency::Rub, None),
            ("1e3", Currency::Rub, None),
            ("99999999999999999999", Currency::Rub, None),
        ] {
            let money = Money::parse(text, currency);
            assert_eq!(money.map(|money| money.amount_minor), amount_minor, "{text}");
            if let Some(money) = money {
                assert_eq!(Money::parse(&money.to_string(), currency), Some(money));
            }
        }
    }

    #[test]
    fn a_part_of_a_star_is_a_whole_one() {
        for (amount_kopecks, kopecks_per_star, stars) in
            [(0, 120, 0), (1, 120, 1), (24_900, 120, 208), (24_960, 120, 208), (24_961, 120, 209), (5, 0, 5)]
        {
            assert_eq!(Money::in_stars(amount_kopecks, kopecks_per_star), Money::stars(stars));
        }
    }
}
