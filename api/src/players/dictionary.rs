//! Dictionaries of structured fields (RFC 8941 §3.2), which is how CMCD writes one report.
//!
//! Laxer than the RFC where players are: keys may have capitals after their first letter, strings any printable
//! character. Parameters are checked and passed over. Length, members and list items are bounded. No I/O.

use std::borrow::Cow;

/// The longest report, bytes. A URL of media with a playback token in it takes some hundred.
pub(super) const REPORT_BYTES_MAX: usize = 8 * 1024;
const MEMBERS_MAX: usize = 96;
const KEY_BYTES_MAX: usize = 64;
const ITEMS_MAX: usize = 32;
/// Digits of an integer (RFC 8941 §3.3.1), and before the point of a decimal.
const INTEGER_DIGITS_MAX: usize = 15;
const DECIMAL_DIGITS_MAX: usize = 12;
const FRACTION_DIGITS_MAX: usize = 3;

/// A bare item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Integer(i64),
    /// Thousandths: a decimal has at most three digits after its point.
    Decimal(i64),
    Text(Cow<'a, str>),
    Token(&'a str),
    /// Base64, as it stands.
    Bytes(&'a str),
    Boolean(bool),
}

/// A member of a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Member<'a> {
    Item(Value<'a>),
    List(Vec<Value<'a>>),
}

/// The place and kind of an error in a dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence} at byte {at}")]
pub(crate) struct Fault {
    sentence: &'static str,
    at: usize,
}

/// The members in the order in which they stand. Of two with one key the last counts.
pub(super) fn dictionary(text: &str) -> Result<Vec<(&str, Member<'_>)>, Fault> {
    let mut reader = Reader { text, at: 0 };
    if text.len() > REPORT_BYTES_MAX {
        return Err(Fault { sentence: "too long", at: REPORT_BYTES_MAX });
    }
    let mut members = Vec::new();
    reader.skip_spaces();
    while reader.peek().is_some() {
        let key = reader.key()?;
        let member = if reader.takes(b'=') { reader.member()? } else { Member::Item(Value::Boolean(true)) };
        reader.parameters()?;
        if members.len() >= MEMBERS_MAX {
            return Err(reader.fault("too many keys"));
        }
        members.push((key, member));
        reader.skip_spaces();
        if reader.peek().is_none() {
            break;
        }
        reader.expect(b',', "no comma between two keys")?;
        reader.skip_spaces();
        if reader.peek().is_none() {
            return Err(reader.fault("a comma without a key"));
        }
    }
    Ok(members)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn fault(&self, sentence: &'static str) -> Fault {
        Fault { sentence, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8, sentence: &'static str) -> Result<(), Fault> {
        if self.takes(byte) { Ok(()) } else { Err(self.fault(sentence)) }
    }

    /// The bytes that `keep` keeps, which has to end at a whole character.
    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> &'a str {
        let from = self.at;
        while self.peek().is_some_and(&keep) {
            self.at += 1;
        }
        self.text.get(from..self.at).unwrap_or_default()
    }

    fn skip_spaces(&mut self) {
        self.take_while(|byte| byte == b' ' || byte == b'\t');
    }

    fn key(&mut self) -> Result<&'a str, Fault> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'*') {
            return Err(self.fault("no key"));
        }
        let key = self.take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.*".contains(&byte));
        if key.len() > KEY_BYTES_MAX { Err(self.fault("a key that is too long")) } else { Ok(key) }
    }

    /// A value after `=`.
    fn member(&mut self) -> Result<Member<'a>, Fault> {
        if !self.takes(b'(') {
            return Ok(Member::Item(self.value()?));
        }
        let mut items = Vec::new();
        loop {
            let spaces = self.take_while(|byte| byte == b' ').len();
            if self.takes(b')') {
                return Ok(Member::List(items));
            }
            if spaces == 0 && !items.is_empty() {
                return Err(self.fault("no space between two items"));
            }
            if items.len() >= ITEMS_MAX {
                return Err(self.fault("too many items"));
            }
            items.push(self.value()?);
            self.parameters()?;
        }
    }

    fn parameters(&mut self) -> Result<(), Fault> {
        while self.takes(b';') {
            self.take_while(|byte| byte == b' ');
            self.key()?;
            if self.takes(b'=') {
                self.value()?;
            }
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value<'a>, Fault> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'?') => self.boolean(),
            Some(b':') => self.bytes(),
            Some(byte) if byte.is_ascii_digit() || byte == b'-' => self.number(),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'*' => {
                let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte);
                Ok(Value::Token(self.take_while(is_of_token)))
            }
            _ => Err(self.fault("no value")),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let is_plain = |byte: u8| byte >= b' ' && byte != 0x7f && byte != b'"' && byte != b'\\';
        self.next();
        let mut text = Cow::Borrowed(self.take_while(is_plain));
        loop {
            match self.next() {
                Some(b'"') => return Ok(text),
                Some(b'\\') => match self.next() {
                    Some(escaped @ (b'"' | b'\\')) => text.to_mut().push(char::from(escaped)),
                    _ => return Err(self.fault("a backslash before neither quote nor backslash")),
                },
                _ => return Err(self.fault("a string that does not end")),
            }
            let plain = self.take_while(is_plain);
            if !plain.is_empty() {
                text.to_mut().push_str(plain);
            }
        }
    }

    fn boolean(&mut self) -> Result<Value<'a>, Fault> {
        self.next();
        match self.next() {
            Some(b'0') => Ok(Value::Boolean(false)),
            Some(b'1') => Ok(Value::Boolean(true)),
            _ => Err(self.fault("neither ?0 nor ?1")),
        }
    }

    fn bytes(&mut self) -> Result<Value<'a>, Fault> {
        self.next();
        let bytes = self.take_while(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        self.expect(b':', "bytes that do not end")?;
        Ok(Value::Bytes(bytes))
    }

    fn number(&mut self) -> Result<Value<'a>, Fault> {
        let sign = if self.takes(b'-') { -1 } else { 1 };
        let whole = self.take_while(|byte| byte.is_ascii_digit());
        let is_decimal = self.takes(b'.');
        let fraction = if is_decimal { self.take_while(|byte| byte.is_ascii_digit()) } else { "" };
        let digits_max = if is_decimal { DECIMAL_DIGITS_MAX } else { INTEGER_DIGITS_MAX };
        let is_good = (1..=digits_max).contains(&whole.len())
            && (!is_decimal || (1..=FRACTION_DIGITS_MAX).contains(&fraction.len()));
        let parsed = whole.parse::<i64>().ok().filter(|_| is_good);
        let number = parsed.ok_or(self.fault("no number of RFC 8941"))?;
        if !is_decimal {
            return Ok(Value::Integer(sign * number));
        }
        let thousandths: i64 = format!("{fraction:0<3}").parse().map_err(|_| self.fault("no number of RFC 8941"))?;
        Ok(Value::Decimal(sign * (number * 1000 + thousandths)))
    }
}

#[cfg(test)]
mod tests;
