//! Sizes of what ships, of the builds with the profile `dist` that lie there.

use super::table::Row;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

const MB: f64 = 1_000_000.0;
const BUILD: &str = "cargo build --profile dist --workspace --bin bootstrap --bin nodectl";

/// The target folder that this program was built in.
pub fn target() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    here.parent().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default()
}

/// Size of a file in a zip of its own, by the program `zip` (deflate, best).
fn zipped(file: &Path) -> Result<u64, String> {
    let zip = std::env::temp_dir().join(format!("proof-{}.zip", std::process::id()));
    let made = Command::new("zip").args(["-9", "-q", "-j"]).arg(&zip).arg(file).status();
    let size = std::fs::metadata(&zip).map(|m| m.len());
    let _ = std::fs::remove_file(&zip);
    match (made, size) {
        (Err(e), _) => Err(format!("skipped: zip: {e}")),
        (Ok(status), _) if !status.success() => Err(format!("skipped: zip: {status}")),
        (_, size) => size.map_err(|e| format!("skipped: zip: {e}")),
    }
}

fn size(name: &str, program: &str, of: fn(&Path) -> Result<u64, String>) -> Row {
    let file = target().join("dist").join(program);
    let goal = "<= 3 MB";
    if !file.is_file() {
        return Row::missing(name, format!("not built: {BUILD}"), goal);
    }
    match of(&file) {
        Ok(bytes) => Row::at_most(name, format!("{:.2} MB", bytes as f64 / MB), bytes as f64 / MB, 3.0, goal, json!({"bytes": bytes})),
        Err(why) => Row::missing(name, why, goal),
    }
}

/// Both.
pub fn rows() -> Vec<Row> {
    let plain = |file: &Path| std::fs::metadata(file).map(|m| m.len()).map_err(|e| e.to_string());
    vec![size("Lambda zip with all functions", "bootstrap", zipped), size("nodectl", "nodectl", plain)]
}
