//! Keys of the simulated irita: a file keyring behind a passphrase, on the streams that were recorded.

use super::irita::{error, flag, ok, public};
use super::irita_stdin::Stdin;
use super::{SimHost, address};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Fault, ids, multisig};
use nodectl::{Host, Output};
use serde_json::{Value, json};

/// Words of simulated mnemonics; not BIP-39's, so that no real one can be taken for a fixture.
const WORDS: [&str; 8] = ["harbour", "pencil", "velvet", "granite", "lantern", "orchid", "saddle", "copper"];
/// How many of them are a mnemonic.
const COUNT: usize = 24;

/// A file keyring that is opened when something in it is read or written.
pub(super) struct Keyring<'a> {
    host: &'a SimHost,
    folder: String,
    stdin: Stdin,
    open: bool,
}

impl Keyring<'_> {
    /// The keyring that a command names.
    pub fn of<'a>(host: &'a SimHost, args: &[&str], stdin: &[&str]) -> Keyring<'a> {
        let folder = format!("{}/keyring-file", flag(args, "--keyring-dir").unwrap_or_default());
        Keyring { host, folder, stdin: Stdin::new(stdin), open: false }
    }

    /// A refusal, after everything that was said before it.
    pub fn refuse(&self, why: impl std::fmt::Display, usage: &str) -> Output {
        let refused = error(why, usage);
        Output { stderr: format!("{}{}", self.stdin.said, refused.stderr), ..refused }
    }

    /// An answer on stderr.
    pub fn tell(&self, text: &str) -> Output {
        ok("", format!("{}{text}", self.stdin.said))
    }

    fn unlock(&mut self) -> Result<(), String> {
        if !self.open {
            let file = format!("{}/keyhash", self.folder);
            let kept = self.host.file(&file);
            let given = self.stdin.passphrase(kept.as_deref())?;
            if kept.is_none() {
                self.host.write(&file, given.as_bytes(), 0o600).map_err(|f| f.message)?;
            }
            self.open = true;
        }
        Ok(())
    }

    fn stored(&self, name: &str) -> Option<Value> {
        serde_json::from_str(&self.host.file(&format!("{}/{name}.info", self.folder))?).ok()
    }

    fn all(&self) -> Vec<Value> {
        self.host.names_below(&self.folder).iter().filter_map(|n| n.strip_suffix(".info")).filter_map(|n| self.stored(n)).collect()
    }

    /// A key with its secret. Of one that is not there irita knows without the passphrase.
    pub fn key(&mut self, name: &str) -> Result<Value, String> {
        let found = self.stored(name).ok_or_else(|| format!("{name}.info: key not found"))?;
        self.unlock()?;
        Ok(found)
    }

    fn has_address(&mut self, account: &str) -> Result<bool, String> {
        if !self.all().iter().any(|k| k["address"] == json!(account)) {
            return Ok(false);
        }
        self.unlock().map(|()| true)
    }

    fn put(&mut self, key: &Value) -> Result<(), String> {
        self.unlock()?;
        let file = format!("{}/{}.info", self.folder, key["name"].as_str().unwrap_or_default());
        self.host.write(&file, key.to_string().as_bytes(), 0o600).map_err(|f| f.message)
    }
}

/// `keys …`.
pub(super) fn run(host: &SimHost, args: &[&str], stdin: &[&str]) -> Result<Output, Fault> {
    if flag(args, "--keyring-backend") != Some("file") || flag(args, "--keyring-dir").is_none() {
        return Ok(error("the simulated irita keeps keys only in --keyring-dir, with --keyring-backend file", "keys [command]"));
    }
    let mut keyring = Keyring::of(host, args, stdin);
    Ok(match args {
        ["add", name, rest @ ..] => {
            let made = add(&mut keyring, name, rest);
            made.map(|key| keyring.tell(&format!("{key}\n"))).unwrap_or_else(|why| keyring.refuse(why, "keys add <name> [flags]"))
        }
        ["show", name, ..] => match keyring.key(name).map_err(|why| not_a_key(name, why)) {
            Ok(key) => ok(format!("{}\n", shown(&key)), keyring.tell("").stderr),
            Err(why) => keyring.refuse(why, "keys show [name_or_address [name_or_address...]] [flags]"),
        },
        _ => {
            let all = keyring.all();
            match if all.is_empty() { Ok(()) } else { keyring.unlock() } {
                Ok(()) => ok(all.iter().map(shown).collect::<Value>().to_string(), keyring.tell("").stderr),
                Err(why) => keyring.refuse(why, "keys list [flags]"),
            }
        }
    })
}

/// irita takes what is no name for an address.
fn not_a_key(name: &str, why: String) -> String {
    let why = if why.ends_with("key not found") { no_address(name).unwrap_or(why) } else { why };
    format!("{name} is not a valid name or address: {why}")
}

/// Why a text is no bech32 address; `None` = it has the form of one.
pub(super) fn no_address(text: &str) -> Option<String> {
    let (separator, length) = (text.rfind('1'), text.len());
    let why = match separator {
        _ if length < 8 => format!("invalid bech32 string length {length}"),
        Some(at) if at >= 1 && at + 7 <= length => {
            let bad = text[at + 1..].chars().find(|c| !"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(*c))?;
            format!("invalid character not part of charset: {}", u32::from(bad))
        }
        at => format!("invalid separator index {}", at.map_or(-1, |a| a as i64)),
    };
    Some(format!("decoding bech32 failed: {why}"))
}

fn shown(key: &Value) -> Value {
    json!({"name": key["name"], "type": key["type"], "address": key["address"], "pubkey": key["pubkey"]})
}

/// Makes a key; what is to be printed of it, or why not.
fn add(keyring: &mut Keyring, name: &str, args: &[&str]) -> Result<Value, String> {
    // Whoever cannot read the key that is there does not see that there is one.
    if keyring.key(name).is_ok() {
        if !["y", "yes"].contains(&keyring.stdin.answer()?.to_lowercase().as_str()) {
            return Err("aborted".into());
        }
        keyring.host.remove(&format!("{}/{name}.info", keyring.folder)).map_err(|f| f.message)?;
    }
    let sm2 = |key: &str| json!({"@type": "/cosmos.crypto.sm2.PubKey", "key": key});
    let (kind, account, pubkey) = if let Some(names) = flag(args, "--multisig") {
        let names: Vec<&str> = names.split(',').collect();
        let threshold: i64 = flag(args, "--multisig-threshold").map_or(Ok(1), str::parse).map_err(|_| "invalid threshold")?;
        if threshold <= 0 {
            return Err("threshold must be a positive integer".into());
        }
        if (names.len() as i64) < threshold {
            return Err(format!("threshold k of n multisignature: {} < {threshold}", names.len()));
        }
        let mut keys = vec![];
        for part in names {
            let found = keyring.key(part)?;
            let key: Value = serde_json::from_str(found["pubkey"].as_str().unwrap_or_default()).unwrap_or_default();
            keys.push(key["key"].as_str().unwrap_or_default().to_string());
        }
        keys.sort_by_key(|k| address(k));
        let list: Vec<Value> = keys.iter().map(|k| sm2(k)).collect();
        let pubkey = json!({"@type": "/cosmos.crypto.multisig.LegacyAminoPubKey", "threshold": threshold, "public_keys": list});
        ("multi", multisig::address(&keys, threshold as u32).map_err(|f| f.message)?, pubkey)
    } else if let Some(given) = flag(args, "--pubkey") {
        let key: Value = serde_json::from_str(given).map_err(|e| e.to_string())?;
        ("offline", multisig::account(key["key"].as_str().unwrap_or_default()).map_err(|f| f.message)?, key)
    } else {
        return add_local(keyring, name, args.contains(&"--recover"));
    };
    if keyring.has_address(&account)? {
        return Err("public key already exists in keybase".into());
    }
    let key = json!({"name": name, "type": kind, "address": account, "pubkey": pubkey.to_string()});
    keyring.put(&key)?;
    Ok(key)
}

/// A key of a new mnemonic, or of one that is given.
fn add_local(keyring: &mut Keyring, name: &str, recover: bool) -> Result<Value, String> {
    let words = if recover {
        let given = keyring.stdin.answer()?;
        let words: Vec<&str> = given.split_whitespace().collect();
        if words.len() != COUNT || words.iter().any(|w| !WORDS.contains(w)) {
            return Err("invalid mnemonic".into());
        }
        words.join(" ")
    } else {
        let bytes = keyring.host.entropy(COUNT).map_err(|f| f.message)?;
        bytes.iter().map(|b| WORDS[usize::from(*b) % WORDS.len()]).collect::<Vec<_>>().join(" ")
    };
    let secret = secret_of(&words)?;
    let key = public(&secret);
    let account = multisig::account(&key).map_err(|f| f.message)?;
    if keyring.has_address(&account)? {
        return Err(format!("account with address {account} already exists in keyring, delete the key first if you want to recreate it"));
    }
    let mut key = json!({"name": name, "type": "local", "address": account, "pubkey": json!({"@type": "/cosmos.crypto.sm2.PubKey", "key": key}).to_string()});
    let mut kept = key.clone();
    kept["priv_key"] = json!({"value": STANDARD.encode(secret.to_bytes())});
    keyring.put(&kept)?;
    if !recover {
        keyring.host.cloud.world().mnemonics.push(words.clone());
        key["mnemonic"] = json!(words);
    }
    Ok(key)
}

/// One mnemonic, one key.
fn secret_of(words: &str) -> Result<sm2::SecretKey, String> {
    let bytes = |n: u32| hex::decode(ids::sha256_hex(format!("{words}/{n}").as_bytes())).unwrap_or_default();
    (0..8).find_map(|n| sm2::SecretKey::from_slice(&bytes(n)).ok()).ok_or_else(|| "no key".into())
}
