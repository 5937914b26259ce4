use proptest::prelude::*;

use super::*;

fn one(line: &str) -> Report {
    let mut read = reports(line).unwrap();
    assert_eq!(read.len(), 1, "{line}");
    Report { digest: 0, ..read.remove(0) }
}

#[test]
fn keys_that_count_are_read_and_all_others_passed_over() {
    // §8.2.9 of the standard.
    let line = r#"bg,bl=(2100;v 1800;a),br=(3000;v 164;a),bs,bsa=(3;v 1;a),bsd=(1200;v 100;a),bsda=(4150;v 350;a),cid="content-id-123",cmsdd="IkNETkItM2FrMSI7ZXRwPTk2O3J0dD04",cmsds="b3Q9dixzZj1oLHN0PXYsZD01MDAwLGJyPTIwMDA=",cs="g48djn236sk2",d=4000,dfa=32,dl=1000,e=rr,ec=("2001"),h="example.com",lb=(500;v 32;a) ,ltc=13500,msd=1700, mtp=(15000;v 6000;a), nor=("next-seg.mp4"),nr,ot=v, pb=(2000;v 164;a),pr=1.1, pt=632782,rc=200,rtp=12000,sf=d,sid="session-id-123",sn=129,st=l,sta=p,su,tb=(6000;v 350;a),tbl=(2000;v 2000;a),tpb=(5000;v 164;a),ts=1764677101751, ttfb=512,ttfbb=632,ttlb=4018,url="https://example.com/videosegment32.mp4",v=2"#;
    let expected = Report {
        session: Some("session-id-123".into()),
        content: Some("content-id-123".into()),
        url: Some("https://example.com/videosegment32.mp4".into()),
        state: Some(PlayState::Playing),
        at_ms: Some(1_764_677_101_751),
        startup_ms: Some(1700),
        latency_ms: Some(13_500),
        bits_per_second: Some(3_164_000),
        stalls: Some(3),
        stalled_ms: Some(4150),
        stalled_now_ms: Some(1300),
        errors: 1,
        ..Report::default()
    };
    assert_eq!(one(line), expected);
}

#[test]
fn value_of_another_type_too_long_or_absurd_is_passed_over() {
    for line in [
        r#"sid=7,cid=token,sta="p",ts="1",msd=-1,ltc=x,br=("5000"),bsa=(1 x),ec=(tokens),e="t",v="2""#,
        &format!("sid=\"{}\",cid=\"{}\"", "s".repeat(65), "c".repeat(129)),
        "sid=\"\",msd=999999999999,ltc=86400001,br=(9000000 9000000),sta=zz,bsa=(),e=zz",
    ] {
        assert_eq!(one(line), Report::default(), "{line}");
    }
    assert_eq!(one(&format!("sid=\"{}\"", "é".repeat(64))).session.map(|sid| sid.chars().count()), Some(64));
    assert_eq!(one("br=3200.6,v=1").bits_per_second, Some(3_201_000), "as version 1 writes it");
    assert_eq!(one("ab=(100)").bits_per_second, Some(100_000));
    assert_eq!((one("e=e").errors, one("e=e,ec=(\"a\" \"b\")").errors, one("e=t").is_interval), (1, 2, true));
    assert_eq!((one("v=3").is_of_later_version, one("v=2").is_of_later_version), (true, false));
}

#[test]
fn body_is_a_report_a_line_and_one_bad_line_refuses_it() {
    assert_eq!(reports("e=t,sid=\"a\"\n").unwrap().len(), 1);
    assert_eq!(reports("\r\n  e=t \r\n\n\te=ps,sta=p\n").unwrap().len(), 2);
    assert_eq!(reports(" \n\n"), Err(BadReports::Empty));
    let refused = reports("e=t\n{\"sid\":\"a\"}").unwrap_err();
    assert_eq!(refused.to_string(), "report 2 is no dictionary of RFC 8941: no key at byte 0");
    assert!(reports(&"e=t\n".repeat(REPORTS_MAX)).is_ok());
    assert_eq!(reports(&"e=t\n".repeat(REPORTS_MAX + 1)), Err(BadReports::TooMany));
}

#[test]
fn same_line_has_the_same_digest_and_another_line_another() {
    let read = reports("e=t,sn=1\ne=t,sn=1\ne=t,sn=2").unwrap();
    assert!(read[0].digest == read[1].digest && read[1].digest != read[2].digest);
}

/// A report as the watch page writes it (`web/src/player/report.ts`); `None`: the key is left out.
#[derive(Debug, Clone)]
struct Written {
    sid: String,
    cid: String,
    sta: char,
    ts: i64,
    sn: u32,
    br: Option<u32>,
    ltc: Option<u32>,
    msd: Option<u32>,
    stalls: u32,
    stalled_ms: u32,
    errors: Vec<String>,
}

impl Written {
    fn line(&self) -> String {
        let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let mut keys = Vec::new();
        keys.extend(self.br.map(|br| format!("br=({br})")));
        keys.push(format!("bsa=({}),bsda=({})", self.stalls, self.stalled_ms));
        keys.push(format!("cid={},e=ps", quoted(&self.cid)));
        if !self.errors.is_empty() {
            let codes: Vec<_> = self.errors.iter().map(|code| quoted(code)).collect();
            keys.push(format!("ec=({})", codes.join(" ")));
        }
        keys.extend(self.ltc.map(|ltc| format!("ltc={ltc}")));
        keys.extend(self.msd.map(|msd| format!("msd={msd}")));
        keys.push(format!("sf=h,sid={},sn={},st=ll,sta={},ts={},v=2", quoted(&self.sid), self.sn, self.sta, self.ts));
        keys.join(",")
    }
}

fn written() -> impl Strategy<Value = Written> {
    let texts = ("[ -~]{1,64}", "[A-Za-z0-9_-]{1,128}", prop::sample::select(vec!['s', 'p', 'r', 'a', 'q']));
    let numbers = (0i64..4_102_444_800_000, any::<u32>(), 0u32..1_000_000, 0u32..86_400_000);
    let options = (prop::option::of(0u32..10_000_000), prop::option::of(0u32..86_400_000));
    let msd = prop::option::of(0u32..86_400_000);
    (texts, numbers, options, msd, prop::collection::vec("[ -~]{0,20}", 0..4)).prop_map(
        |((sid, cid, sta), (ts, sn, stalls, stalled_ms), (br, ltc), msd, errors)| Written {
            sid,
            cid,
            sta,
            ts,
            sn,
            br,
            ltc,
            msd,
            stalls,
            stalled_ms,
            errors,
        },
    )
}

proptest! {
    #[test]
    fn reports_of_the_watch_page_are_read_as_they_were_written(written in written()) {
        let read = one(&written.line());
        let expected = Report {
            session: Some(written.sid.clone()),
            content: Some(written.cid.clone()),
            state: PlayState::of(&written.sta.to_string()),
            at_ms: Some(written.ts),
            startup_ms: written.msd.map(u64::from),
            latency_ms: written.ltc.map(u64::from),
            bits_per_second: written.br.map(|kbps| u64::from(kbps) * 1000),
            stalls: Some(written.stalls.into()),
            stalled_ms: Some(written.stalled_ms.into()),
            errors: written.errors.len() as u32,
            ..Report::default()
        };
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn any_body_is_read_or_refused(body in any::<String>()) {
        drop(reports(&body));
    }

    /// A body that was good, damaged somewhere.
    #[test]
    fn damaged_reports_are_read_or_refused(written in prop::collection::vec(written(), 1..4), at in any::<prop::sample::Index>(), with in any::<char>()) {
        let mut body: Vec<char> = written.iter().map(Written::line).collect::<Vec<_>>().join("\n").chars().collect();
        let at = at.index(body.len());
        body[at] = with;
        if let Ok(read) = reports(&body.into_iter().collect::<String>()) {
            prop_assert!(read.len() <= written.len() + 1);
            prop_assert!(read.iter().all(|report| report.bits_per_second.is_none_or(|bits| bits <= BIT_RATE_KBPS_MAX * 1000)));
        }
    }
}
