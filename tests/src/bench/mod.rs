//! `proof bench`: one table of what this costs and how long it takes, from real runs in the local cloud. Every figure is measured
//! when the command runs; what cannot be measured says so.

mod article;
mod breakdown;
mod cold;
mod floor;
mod launches;
mod many;
mod rows;
mod runtime_api;
mod sizes;
mod speed;
mod table;

use serde_json::{Value, json};
use std::path::Path;

/// What a person may choose.
#[derive(Debug, Clone)]
pub struct Options {
    /// Launches of four nodes.
    pub seeds: u64,
    /// Launches of a hundred nodes.
    pub large_seeds: u64,
    /// Seconds of launches with faults.
    pub speed_s: u64,
    /// Cold starts of each program.
    pub cold_starts: usize,
    /// Where the same is written as JSON; empty = nowhere.
    pub json: String,
    /// Only these parts; empty = all.
    pub only: Vec<String>,
}

impl Options {
    /// Reads the words after `proof bench`.
    pub fn parse(words: &[&str]) -> Result<Options, String> {
        let mut options = Options { seeds: 200, large_seeds: 0, speed_s: 60, cold_starts: 20, json: String::new(), only: vec![] };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let given = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            let number = || given.parse::<u64>().ok().filter(|n| *n > 0).ok_or_else(|| format!("{word} {given}: a number above 0"));
            match *word {
                "--seeds" => options.seeds = number()?,
                "--large-seeds" => options.large_seeds = number()?,
                "--speed-seconds" => options.speed_s = number()?,
                "--cold-starts" => options.cold_starts = number()? as usize,
                "--json" => options.json = given.to_string(),
                "--only" => options.only = given.split(',').map(String::from).collect(),
                other => return Err(format!("{other} is not an option of bench")),
            }
        }
        if let Some(bad) = options.only.iter().find(|p| !PARTS.contains(&p.as_str())) {
            return Err(format!("--only {bad}: one of {}", PARTS.join(", ")));
        }
        if options.large_seeds == 0 {
            options.large_seeds = (options.seeds / 20).max(1);
        }
        Ok(options)
    }

    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|p| p == part)
    }
}

/// Parts of the benchmark.
const PARTS: [&str; 5] = ["launches", "latencies", "speed", "sizes", "cold"];

/// How this program was built; figures of time and size mean little in a development build.
fn profile() -> &'static str {
    if cfg!(debug_assertions) { "development" } else { "release" }
}

/// Runs the benchmark, prints the table and writes the JSON.
pub fn run(options: &Options) -> Result<(), String> {
    let mut rows = vec![];
    let mut more = vec![];
    let mut json = json!({"build": profile(), "cores": many::cores()});
    if options.wants("launches") || options.wants("latencies") {
        let (four, hundred) = (launches::four(), launches::hundred());
        let small = many::launches(&four, options.seeds, &Default::default())?;
        let large = many::launches(&hundred, options.large_seeds, &Default::default())?;
        rows.extend(rows::of_launches(&four, &small, &hundred, &large));
        more.push(article::words());
        more.push(breakdown::words(&four, &small[0]));
        more.push(breakdown::words(&hundred, &large[0]));
        json["breakdown"] = json!({"4": breakdown::json(&small[0]), "100": breakdown::json(&large[0])});
        if options.wants("latencies") {
            let moved = many::moved(&four, &hundred, (options.seeds / 10).max(1), (options.large_seeds / 3).max(1), &small, &large)?;
            more.push(table::moved(&moved));
            json["latencies"] = json!(moved.iter().map(many::Moved::json).collect::<Vec<Value>>());
        }
    }
    if options.wants("sizes") {
        rows.extend(sizes::rows());
    }
    if options.wants("cold") {
        rows.extend(cold::rows(options.cold_starts));
    }
    if options.wants("speed") {
        rows.push(speed::row(options.speed_s)?);
    }
    json["rows"] = json!(rows.iter().map(table::Row::json).collect::<Vec<Value>>());
    println!("{}", table::print(&rows));
    more.iter().for_each(|text| println!("\n{text}"));
    if !options.json.is_empty() {
        let text = serde_json::to_string_pretty(&json).map_err(|e| e.to_string())?;
        std::fs::write(Path::new(&options.json), text + "\n").map_err(|e| format!("{}: {e}", options.json))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn options_are_read_and_bad_ones_refused() {
        let options = Options::parse(&["--seeds", "40", "--json", "x"]).expect("good");
        assert_eq!((options.seeds, options.large_seeds, options.json.as_str()), (40, 2, "x"));
        for bad in [&["--seeds"][..], &["--seeds", "0"], &["--sides", "3"], &["--only", "luck"]] {
            assert!(Options::parse(bad).is_err(), "{bad:?}");
        }
    }
}
