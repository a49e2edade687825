//! Rows with their goals, as text and as JSON.

use super::many::Moved;
use serde_json::{Value, json};

/// One figure.
#[derive(Debug, Clone)]
pub struct Row {
    /// Of what.
    pub name: String,
    /// Measured, in words.
    pub value: String,
    /// The goal, in words; empty = none was set.
    pub goal: String,
    /// Whether it is met; `None` = there is no goal, or nothing was measured.
    pub met: Option<bool>,
    /// The figures alone.
    pub figures: Value,
}

impl Row {
    /// A row whose goal is an upper bound.
    pub fn at_most(name: impl Into<String>, value: String, figure: f64, goal: f64, words: &str, figures: Value) -> Row {
        Row { name: name.into(), value, goal: words.into(), met: Some(figure <= goal), figures }
    }

    /// A row that has no goal.
    pub fn plain(name: impl Into<String>, value: String, figures: Value) -> Row {
        Row { name: name.into(), value, goal: String::new(), met: None, figures }
    }

    /// A row that could not be measured, and why.
    pub fn missing(name: &str, why: String, goal: &str) -> Row {
        Row { name: name.into(), value: why.clone(), goal: goal.into(), met: None, figures: json!({"missing": why}) }
    }

    fn verdict(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "**not met**",
            None if self.goal.is_empty() => "",
            None => "not measured",
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        json!({"name": self.name, "value": self.value, "goal": self.goal, "met": self.met, "figures": self.figures})
    }
}

/// The table, in Markdown.
pub fn print(rows: &[Row]) -> String {
    let line = |cells: [&str; 4]| format!("| {} |", cells.join(" | "));
    let head = [line(["figure", "measured", "goal", ""]), line(["---", "---", "---", "---"])];
    head.into_iter().chain(rows.iter().map(|r| line([&r.name, &r.value, &r.goal, r.verdict()]))).collect::<Vec<_>>().join("\n")
}

/// How the launches move with each latency.
pub fn moved(all: &[Moved]) -> String {
    let Some(first) = all.first() else { return String::new() };
    let mut lines = vec![
        format!(
            "With one latency at half and at double: p50 of the launch and its ratio to the floor ({} launches of 4 nodes, {} of 100 each).",
            first.runs.0, first.runs.1
        ),
        String::new(),
        "| latency | ground | 4 nodes, half | 4 nodes, double | 100 nodes, half | 100 nodes, double |".into(),
        "| --- | --- | --- | --- | --- | --- |".into(),
    ];
    let cell = |(seconds, ratio): (f64, f64)| format!("{seconds:.0} s, {ratio:.2}");
    for m in all {
        let [a, b, c, d] = m.cells.map(cell);
        lines.push(format!("| {} | {} | {a} | {b} | {c} | {d} |", m.name, m.ground));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_is_missed_is_said() {
        let rows = [
            Row::at_most("calls", "147".into(), 147.0, 80.0, "<= 80", json!(147)),
            Row::at_most("cost", "$0.003".into(), 0.003, 0.01, "<= $0.01", json!(0.003)),
            Row::missing("zip", "not built: run cargo".into(), "<= 3 MB"),
        ];
        let text = print(&rows);
        assert!(text.contains("| calls | 147 | <= 80 | **not met** |") && text.contains("| cost | $0.003 | <= $0.01 | met |"), "{text}");
        assert!(text.contains("| zip | not built: run cargo | <= 3 MB | not measured |"), "{text}");
    }
}
