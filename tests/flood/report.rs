//! The figures of one run.

use std::fmt;

use rig::process::cpu_model;
use rig::{Error, Result};
use serde_json::{Value, json};

use crate::cli::Options;

/// What the attacker did.
#[derive(Clone, Debug)]
pub(crate) struct Attacker {
    /// Its address.
    pub from: String,
    /// Connections, requests or messages.
    pub tries_per_second: f64,
    /// Those that were refused, and connections that the server ended.
    pub refused_per_second: f64,
    /// What the server took, at most a thousand.
    pub megabits_per_second: f64,
    /// Times that its victim was ended.
    pub victims_ended: u64,
    /// What reached its victim.
    pub victims_bytes: u64,
}

/// The figures, as they are written: all that follows of them is read from here.
pub(crate) struct Report(Value);

impl Report {
    /// Of measurements by phase: quiet, under the flood (the worst of them), after it.
    pub(crate) fn new(
        options: &Options,
        innocents: &Value,
        attacker: Attacker,
        joins: [Value; 3],
        memory_mib: [f64; 3],
    ) -> Result<Self> {
        let rows = innocents["rows"].as_array().filter(|rows| rows.len() as u32 == options.rows + 2);
        let [quiet, under @ .., after] = &rows.map_or(&[][..], Vec::as_slice) else {
            return Err(Error::Child("the load generator did not measure all phases".into()));
        };
        let worst = |name: &str, worse: fn(f64, f64) -> f64| {
            under.iter().filter_map(|row| row[name].as_f64()).reduce(worse).unwrap_or(f64::NAN)
        };
        let flood = json!({
            "lost_percent": worst("lost_percent", f64::max), "delivered_percent": worst("delivered_percent", f64::min),
            "latency_p50_us": worst("latency_p50_us", f64::max), "latency_p99_us": worst("latency_p99_us", f64::max),
            "server_percent": worst("server_percent", f64::max), "generator_percent": worst("generator_percent", f64::max),
            "foreign_percent": worst("foreign_percent", f64::max),
        });
        let [joins_quiet, joins_flood, joins_after] = joins;
        let [before, peak, memory_after] = memory_mib;
        Ok(Self(json!({
            "cpu": cpu_model(), "flood": options.flood.name(), "load": innocents["load"], "seconds": options.seconds,
            "rows": options.rows, "innocents": options.innocents, "joins_failed_before": innocents["joins_failed"],
            "ended": innocents["ended"], "bad": innocents["bad"],
            "quiet": quiet, "under": flood, "after": after,
            "joins": { "quiet": joins_quiet, "under": joins_flood, "after": joins_after },
            "memory_mib": { "before": before, "peak": peak, "after": memory_after },
            "attacker": {
                "from": attacker.from, "tries_per_second": attacker.tries_per_second,
                "refused_per_second": attacker.refused_per_second, "megabits_per_second": attacker.megabits_per_second,
                "victims_ended": attacker.victims_ended, "victims_bytes": attacker.victims_bytes,
            },
        })))
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> String {
        format!("{:#}\n", self.0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = |pointer: &str| self.0.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
        writeln!(
            f,
            "{}: {}",
            self.0["flood"].as_str().unwrap_or_default(),
            self.0["load"].as_str().unwrap_or_default()
        )?;
        for phase in ["quiet", "under", "after"] {
            let at = |name: &str| figure(&format!("/{phase}/{name}"));
            let join = |name: &str| figure(&format!("/joins/{phase}/{name}"));
            writeln!(
                f,
                "  {phase:5}  lost {:.3} %, arrived {:.2} %, latency p50 {:.2} p99 {:.2} ms; server {:.0} %, generator {:.0} %, others {:.0} %; \
                 joins {} of {}, p50 {:.0} ms, longest {:.0} ms",
                at("lost_percent"),
                at("delivered_percent"),
                at("latency_p50_us") / 1000.0,
                at("latency_p99_us") / 1000.0,
                at("server_percent"),
                at("generator_percent"),
                at("foreign_percent"),
                join("succeeded"),
                join("succeeded") + join("failed"),
                join("p50_ms"),
                join("max_ms"),
            )?;
        }
        let [before, peak, after] = ["before", "peak", "after"].map(|phase| figure(&format!("/memory_mib/{phase}")));
        writeln!(f, "  memory {before:.0} → {peak:.0} → {after:.0} MiB; innocents ended: {}", figure("/ended"))?;
        let attacker = |name: &str| figure(&format!("/attacker/{name}"));
        writeln!(
            f,
            "  the attacker at {}: {:.0} tries/s, {:.0} refused/s, {:.0} Mbit/s; victims ended: {}, {:.2} MB reached them",
            self.0["attacker"]["from"].as_str().unwrap_or_default(),
            attacker("tries_per_second"),
            attacker("refused_per_second"),
            attacker("megabits_per_second"),
            attacker("victims_ended"),
            attacker("victims_bytes") / 1e6,
        )?;
        if let Some(failure) = self.0["joins"]["under"]["first_failure"].as_str() {
            writeln!(f, "  the first join that failed: {failure}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Arguments, Command};
    use clap::Parser as _;

    fn options() -> Options {
        let arguments = Arguments::parse_from(["spillway-flood", "run", "mutes", "--pid", "1"]);
        let Command::Run(options) = arguments.command else { panic!("not a run") };
        options
    }

    #[test]
    fn figures_under_the_flood_are_the_worst_of_its_measurements() {
        let row = |lost: f64, delivered: f64| json!({ "lost_percent": lost, "delivered_percent": delivered });
        let innocents = json!({ "rows": [row(0.0, 100.0), row(0.5, 99.0), row(0.1, 97.0), row(0.0, 100.0)] });
        let attacker = Attacker {
            from: String::new(),
            tries_per_second: 1.0,
            refused_per_second: 0.0,
            megabits_per_second: 1.0,
            victims_ended: 0,
            victims_bytes: 0,
        };
        let joins = [(); 3].map(|()| json!({}));
        let report = Report::new(&options(), &innocents, attacker.clone(), joins.clone(), [1.0, 2.0, 1.0]).unwrap();
        assert_eq!(
            (&report.0["under"]["lost_percent"], &report.0["under"]["delivered_percent"]),
            (&json!(0.5), &json!(97.0))
        );
        assert!(Report::new(&options(), &json!({ "rows": [row(0.0, 100.0)] }), attacker, joins, [0.0; 3]).is_err());
    }
}
