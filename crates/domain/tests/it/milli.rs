//! Decimals as whole thousandths.

use domain::params::Milli;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn texts() {
    let check =
        |text: &str, expected: Option<i64>| assert_eq!(Milli::parse(text), expected.map(Milli), "`{text}`");
    check("0", Some(0));
    check("-0", Some(0));
    check("0.7", Some(700));
    check("-0.7", Some(-700));
    check("1.", Some(1_000));
    check("007", Some(7_000));
    check("0.70000001", Some(700));
    check("0.0004", Some(0));
    check("0.0005", Some(1));
    check("-0.0005", Some(-1));
    check("1.9995", Some(2_000));
    check("1e-1", Some(100));
    check("1E2", Some(100_000));
    check("1e+2", Some(100_000));
    check("12.5e1", Some(125_000));
    check("5e-4", Some(1));
    check("1e-300", Some(0));
    check("0e300", Some(0));
    check("1000000", Some(1_000_000_000));
    check("-1000000", Some(-1_000_000_000));
    check("1000000.001", None);
    check("1e7", None);
    check("1e300", None);
    check("1e99999999999", None);
    check("", None);
    check("-", None);
    check(".5", None);
    check("+1", None);
    check("--1", None);
    check("1,5", None);
    check("1.5.2", None);
    check("1e", None);
    check("1e0.5", None);
    check("0x10", None);
    check("٣", None);
    check(" 1", None);
    check("NaN", None);
    check("inf", None);
    check("1234567890123456789012345678901", None);
}

#[test]
fn shown() {
    let check = |thousandths: i64, text: &str| assert_eq!(Milli(thousandths).to_string(), text);
    check(0, "0");
    check(700, "0.7");
    check(-700, "-0.7");
    check(1, "0.001");
    check(1_000, "1");
    check(-1_050, "-1.05");
    check(i64::MIN, "-9223372036854775.808");
    assert_eq!(Milli(700).to_json(), json!(0.7));
    assert_eq!(Milli(2_000).to_json(), json!(2));
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(thousandths in -1_000_000_000_i64..=1_000_000_000) {
        let milli = Milli(thousandths);
        prop_assert_eq!(Milli::parse(&milli.to_string()), Some(milli));
        prop_assert_eq!(Milli::parse(&milli.to_json().to_string()), Some(milli));
    }

    #[test]
    fn zeros_and_exponents_change_nothing(thousandths in 0_i64..=1_000_000_000, zeros in 0_usize..10) {
        let milli = Some(Milli(thousandths));
        prop_assert_eq!(Milli::parse(&format!("{thousandths}e-3")), milli);
        prop_assert_eq!(Milli::parse(&format!("{thousandths}{}e-{}", "0".repeat(zeros), zeros + 3)), milli);
    }

    #[test]
    fn no_text_panics(text in "[-+0-9.eE]{0,40}") {
        let _ = Milli::parse(&text);
    }
}
