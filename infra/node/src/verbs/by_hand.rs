//! What a person does on the node itself, in Session Manager or on this computer: nothing of it passes through the cloud.

use super::{look, make_gentx::ROOT, prepare::OPERATOR};
use crate::answers;
use crate::host::Host;
use crate::layout::Layout;
use domain::{Class, Fault};
use serde_json::{Value, json};

/// Names, types and addresses of the keys.
pub(crate) async fn keys<H: Host>(host: &H, image: &str) -> Result<Value, Fault> {
    Ok(json!(look::keys_of(host, image).await?))
}

/// Puts a key back from its mnemonic. It goes to irita's standard input and nowhere else; the answer is name and address.
pub(crate) async fn recover<H: Host>(host: &H, name: &str, image: &str, mnemonic: &str) -> Result<Value, Fault> {
    let plain = !name.is_empty() && name.len() <= 32 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !plain || name.starts_with('-') || [OPERATOR, ROOT].contains(&name) {
        return Err(Fault::field("NAME", format!("1 to 32 of a-z, 0-9 and -, and neither {OPERATOR} nor {ROOT}"), "treasury"));
    }
    let words = mnemonic.split_whitespace().count();
    if ![12, 15, 18, 21, 24].contains(&words) {
        // The words themselves never go into a message.
        return Err(Fault::field(
            "mnemonic",
            format!("{words} words on standard input, 12 or 24 are expected"),
            "printf '%s' \"$MNEMONIC\" | nodectl recover treasury IMAGE",
        ));
    }
    let _held = host.lock().await?;
    let taken = look::keys_of(host, image).await?.iter().any(|k| k["name"] == json!(name));
    if taken {
        return Err(Fault::new(Class::Conflict, format!("there is a key `{name}` already; choose another name")));
    }
    let at = Layout::of(host);
    let (keyring, passphrase) = (at.identity("keyring"), look::passphrase(host)?);
    let args = ["keys", "add", name, "--recover", "--keyring-backend", "file", "--keyring-dir", &keyring, "--output", "json"];
    let out = host.irita(image, &at.home(), &args, &[&format!("{mnemonic}\n"), &passphrase]).await?;
    let key = answers::key(&out).map_err(|f| Fault { message: f.message.replace(mnemonic, "…"), ..f })?;
    Ok(json!({"name": name, "address": key.address}))
}
