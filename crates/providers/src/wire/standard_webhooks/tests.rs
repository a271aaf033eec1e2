use super::*;

// The specification's own example.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIME_S: i64 = 1_614_265_330;
const BODY: &str = r#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

fn callback(id: &str, time: &str, signature: &str, body: &str) -> Callback {
    let headers = [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Callback { headers: headers.into(), body: body.as_bytes().to_vec() }
}

fn is_signed_at(callback: &Callback, now_s: i64) -> bool {
    is_signed(&secret(SECRET).unwrap(), callback, Timestamp::from_unix_ms(now_s * 1_000))
}

fn check(id: &str, time: &str, signature: &str, body: &str, expected: bool) {
    let given = callback(id, time, signature, body);
    assert_eq!(is_signed_at(&given, TIME_S), expected, "{id} {time} {signature} {body}");
}

#[test]
fn the_example_of_the_specification() {
    check(ID, &TIME_S.to_string(), SIGNATURE, BODY, true);
}

#[test]
fn whatever_is_changed_is_found_out() {
    let time = TIME_S.to_string();
    check(ID, &time, SIGNATURE, r#"{"test": 2432232314 }"#, false);
    check(ID, &time, SIGNATURE, "", false);
    check("msg_other", &time, SIGNATURE, BODY, false);
    check(ID, &(TIME_S + 1).to_string(), SIGNATURE, BODY, false);
    check(ID, "soon", SIGNATURE, BODY, false);
    check(ID, "", SIGNATURE, BODY, false);
    check(ID, &format!("+{TIME_S}"), SIGNATURE, BODY, false);
    check(ID, "9999999999999999999999", SIGNATURE, BODY, false);
    for signature in ["", "v1", "v1,", "v1g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", &SIGNATURE[3..]] {
        check(ID, &time, signature, BODY, false);
    }
    check(ID, &time, &SIGNATURE.replace("v1,", "v1a,"), BODY, false);
    check(ID, &time, &SIGNATURE.replace("g0h", "g0H"), BODY, false);
    for missing in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        let mut given = callback(ID, &time, SIGNATURE, BODY);
        given.headers.remove(missing);
        assert!(!is_signed_at(&given, TIME_S), "{missing}");
    }
    let other = secret("whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtMjAyNg==").unwrap();
    assert!(!is_signed(
        &other,
        &callback(ID, &time, SIGNATURE, BODY),
        Timestamp::from_unix_ms(TIME_S * 1_000)
    ));
}

#[test]
fn one_of_several_signatures_is_enough() {
    let time = TIME_S.to_string();
    check(ID, &time, &format!("v1,bm9uZQ== {SIGNATURE}"), BODY, true);
    check(ID, &time, &format!("v1a,bm9uZQ== {SIGNATURE} v1,x"), BODY, true);
}

#[test]
fn it_holds_for_five_minutes_either_way() {
    let given = callback(ID, &TIME_S.to_string(), SIGNATURE, BODY);
    for (now_s, expected) in
        [(TIME_S + 300, true), (TIME_S + 301, false), (TIME_S - 300, true), (TIME_S - 301, false)]
    {
        assert_eq!(is_signed_at(&given, now_s), expected, "{}", now_s - TIME_S);
    }
}

#[test]
fn secrets() {
    let check = |text: &str, is_one: bool| assert_eq!(secret(text).is_some(), is_one, "{text}");
    check(SECRET, true);
    check("whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtMjAyNg==", true);
    check("whsec_c2FuZGJveC1zYW5kYm94LXNhbmRib3gtMjAyNg", true);
    for text in ["", "whsec_", "whsec_c2Fu", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64 at all!!!"]
    {
        check(text, false);
    }
}
