use proptest::prelude::*;

use super::*;

#[test]
fn members_of_every_type_are_read() {
    let text = r#" bg,bl=(2100;v 1800;a),pr=-1.05 , sid="a \"b\" \\ é",e=rr;x=1;y,su=?0,cs=:YQ==:,com.ex-Key="v",o=()"#;
    let read = dictionary(text).unwrap();
    let item = Member::Item;
    let expected = [
        ("bg", item(Value::Boolean(true))),
        ("bl", Member::List(vec![Value::Integer(2100), Value::Integer(1800)])),
        ("pr", item(Value::Decimal(-1050))),
        ("sid", item(Value::Text(r#"a "b" \ é"#.into()))),
        ("e", item(Value::Token("rr"))),
        ("su", item(Value::Boolean(false))),
        ("cs", item(Value::Bytes("YQ=="))),
        ("com.ex-Key", item(Value::Text("v".into()))),
        ("o", Member::List(vec![])),
    ];
    assert_eq!(read, expected);
    assert_eq!(dictionary(""), Ok(vec![]));
}

#[test]
fn nonsense_is_refused_by_its_place() {
    for (text, at) in [
        ("=1", 0),
        ("CMCD=a%3D1", 0),
        ("{\"sid\":1}", 0),
        ("a=", 2),
        ("a=1 b=2", 4),
        ("a=1,", 4),
        ("a=(1 2", 6),
        ("a=(1\t2)", 4),
        ("a=\"x", 4),
        ("a=\"\\n\"", 5),
        ("a=\"\u{7f}\"", 4),
        ("a=?2", 4),
        ("a=1234567890123456", 18),
        ("a=1.2345", 8),
        ("a=1.", 4),
        ("a=-", 3),
        ("a=:YQ", 5),
        ("a=1;=2", 4),
        ("é=1", 0),
    ] {
        assert_eq!(dictionary(text).map_err(|fault| fault.at), Err(at), "{text}");
    }
}

#[test]
fn length_keys_and_items_are_bounded() {
    let many = |count: usize, one: &str, between: &str| vec![one; count].join(between);
    assert!(dictionary(&many(MEMBERS_MAX, "a", ",")).is_ok() && dictionary(&many(MEMBERS_MAX + 1, "a", ",")).is_err());
    let list = |count| format!("a=({})", many(count, "1", " "));
    assert!(dictionary(&list(ITEMS_MAX)).is_ok() && dictionary(&list(ITEMS_MAX + 1)).is_err());
    let key = |length| many(length, "a", "");
    assert!(dictionary(&key(KEY_BYTES_MAX)).is_ok() && dictionary(&key(KEY_BYTES_MAX + 1)).is_err());
    let text = |length| format!("a=\"{}\"", many(length, "x", ""));
    assert!(dictionary(&text(REPORT_BYTES_MAX - 4)).is_ok() && dictionary(&text(REPORT_BYTES_MAX - 3)).is_err());
}

/// Pieces of dictionaries, so that random texts get past the first byte.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("sid=\"".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just(",".to_owned()),
        Just("br=(".to_owned()),
        Just(";v ".to_owned()),
        Just(")".to_owned()),
        Just("=".to_owned()),
        Just("-1.5".to_owned()),
        Just("?1".to_owned()),
        "[a-z]{1,4}",
        "[0-9]{1,20}",
        "\\PC{0,3}",
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_within_itself(text in prop_oneof![pieces(), any::<String>()]) {
        if let Err(fault) = dictionary(&text) {
            prop_assert!(fault.at <= text.len());
        }
    }

    #[test]
    fn numbers_of_the_rfc_are_read_as_they_are(integer in -999_999_999_999_999i64..=999_999_999_999_999) {
        let text = format!("a={integer}");
        prop_assert_eq!(dictionary(&text), Ok(vec![("a", Member::Item(Value::Integer(integer)))]));
    }
}
