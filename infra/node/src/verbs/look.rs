//! `list-keys`, `read-log`, `read-config`: what a person wants to see of a node. They change nothing.

use super::Job;
use crate::answers;
use crate::host::Host;
use crate::layout::Layout;
use crate::toml;
use domain::{Class, Fault, ids};
use serde_json::{Map, Value, json};

/// Names, types and addresses of the keys in the operator's keyring; never a key.
pub(crate) async fn list_keys<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    Ok(json!({"keys": keys_of(job.host, job.image).await?}))
}

pub(crate) async fn keys_of<H: Host>(host: &H, image: &str) -> Result<Vec<Value>, Fault> {
    let at = Layout::of(host);
    let keyring = at.identity("keyring");
    let args = ["keys", "list", "--keyring-backend", "file", "--keyring-dir", &keyring, "--output", "json"];
    answers::keys(&host.irita(image, &at.home(), &args, &[&passphrase(host)?]).await?)
}

/// Passphrase of the operator's keyring with its line end, for irita's standard input.
pub(crate) fn passphrase<H: Host>(host: &H) -> Result<String, Fault> {
    let path = Layout::of(host).identity("passphrase");
    let bytes = host.read(&path)?.ok_or_else(|| Fault::new(Class::NotFound, format!("{path} is missing: there is no keyring here")))?;
    Ok(format!("{}\n", String::from_utf8_lossy(&bytes)))
}

/// The last lines of irita's log, as many as fit an answer, shortened to time, level, message and error.
pub(crate) async fn read_log<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let lines: usize = job.param("lines")?;
    let text = answers::log_lines(&job.host.log(lines.clamp(1, 2000)).await?);
    Ok(json!({"log": ids::last_chars(&text, 1_700)}))
}

/// Values of config.toml and app.toml by path: those asked for.
pub(crate) async fn read_config<H: Host>(job: &Job<'_, H>) -> Result<Value, Fault> {
    let mut found = Map::new();
    for file in ["config.toml", "app.toml"] {
        let paths: Vec<String> = job.param(&file.replace('.', "_"))?;
        let text = if paths.is_empty() { String::new() } else { job.text(&job.at.config(file))? };
        for path in paths {
            found.insert(format!("{file} {path}"), toml::get(&text, &path, file)?);
        }
    }
    Ok(Value::Object(found))
}
