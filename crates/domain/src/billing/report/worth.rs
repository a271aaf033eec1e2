//! What is left of a price.

/// A price, and the tokens that it bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Price {
    pub(super) kopecks: i64,
    pub(super) tokens: i64,
}

impl Price {
    /// What `left` of the tokens are worth, in kopecks, rounded up: the price, less the share of those that are gone, rounded
    /// down. More than there were, or less than none, are worth accordingly, so that sums hold whatever the order.
    pub(super) fn of(self, left: i64) -> i64 {
        let (price, tokens) = (i128::from(self.kopecks), i128::from(self.tokens));
        let gone = tokens.saturating_sub(i128::from(left));
        let gone_kopecks = price.saturating_mul(gone).checked_div_euclid(tokens).unwrap_or(price);
        i64::try_from(price.saturating_sub(gone_kopecks)).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_price_are_the_price() {
        for (kopecks, tokens) in [(89_000, 300), (1, 7), (0, 5), (24_999, 10_000), (5, 0), (i64::MAX, 3)] {
            let price = Price { kopecks, tokens };
            assert_eq!(price.of(tokens), if tokens == 0 { 0 } else { kopecks }, "{price:?}");
            assert_eq!(price.of(0), 0, "{price:?}");
            let steps: i64 = (0..tokens.min(1_000)).map(|left| price.of(left + 1) - price.of(left)).sum();
            assert_eq!(steps, price.of(tokens.min(1_000)), "{price:?}");
        }
        // Half a kopeck a token: the first to go is rounded down.
        let price = Price { kopecks: 1, tokens: 2 };
        assert_eq!([price.of(2), price.of(1), price.of(0)], [1, 1, 0]);
        assert_eq!([price.of(3), price.of(-1)], [2, 0]);
    }
}
