//! Forms that a secret may have in a text, and the search for all of them at once: written in a dozen ways, broken into lines,
//! percent-encoded, packed by gzip, or inside other base64.

use crate::gzip;
use crate::secrets::Secret;
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use std::collections::BTreeMap;

/// A needle is found by its first bytes.
const HEAD: usize = 8;
/// Shorter runs of base64 hold no secret.
const RUN: usize = 24;
/// How many packings are opened one inside the other.
const DEPTH: usize = 4;
/// What may stand between the words of a mnemonic, besides a space.
const BETWEEN: [&str; 7] = ["", ",", ", ", "\",\"", "+", "-", "_"];

/// A secret written in one way.
struct Needle {
    secret: String,
    form: &'static str,
    text: Vec<u8>,
}

/// All needles of some secrets.
pub struct Search {
    needles: Vec<Needle>,
    by_head: BTreeMap<Vec<u8>, Vec<usize>>,
    /// Whether any needle begins with these two bytes.
    begins: Vec<bool>,
}

impl Search {
    /// A search for secrets.
    pub fn new(secrets: &[Secret]) -> Search {
        let mut search = Search { needles: vec![], by_head: BTreeMap::new(), begins: vec![false; 1 << 16] };
        for secret in secrets {
            written(&secret.bytes).into_iter().for_each(|(form, text)| search.add(&secret.name, form, text));
            // A text of hex is the same secret as its bytes.
            if let Ok(bytes) = hex::decode(&secret.bytes) {
                written(&bytes).into_iter().filter(|(form, _)| *form != "hex").for_each(|(form, text)| search.add(&secret.name, form, text));
            }
            let words: Vec<&str> = std::str::from_utf8(&secret.bytes).unwrap_or_default().split(' ').collect();
            if words.len() > 1 {
                BETWEEN.iter().for_each(|between| search.add(&secret.name, "words", words.join(between).into_bytes()));
            }
        }
        search
    }

    fn add(&mut self, secret: &str, form: &'static str, text: Vec<u8>) {
        assert!(text.len() >= HEAD, "{secret} is too short to be looked for");
        self.begins[two(&text)] = true;
        self.by_head.entry(text[..HEAD].to_vec()).or_default().push(self.needles.len());
        self.needles.push(Needle { secret: secret.into(), form, text });
    }

    /// Secrets in a content: `(name, form)`, each once.
    pub fn find(&self, content: &[u8]) -> Vec<(String, String)> {
        let mut found = vec![];
        self.open(content, "", DEPTH, &mut found);
        found.sort();
        found.dedup();
        found
    }

    fn open(&self, content: &[u8], packed: &str, depth: usize, found: &mut Vec<(String, String)>) {
        self.plain(content, packed, found);
        let lines = content.windows(2).any(|w| w == b"\\n") || content.contains(&b'\n');
        if lines {
            self.plain(&joined(content), &format!(", broken into lines{packed}"), found);
        }
        if content.contains(&b'%') {
            let decoded: Vec<u8> = percent_encoding::percent_decode(content).collect();
            self.plain(&decoded, &format!(", percent-encoded{packed}"), found);
            if depth > 0 {
                self.unpack(&decoded, &format!(", percent-encoded{packed}"), depth - 1, found);
            }
        }
        if depth > 0 {
            self.unpack(content, packed, depth - 1, found);
        }
    }

    /// What is inside gzip or base64.
    fn unpack(&self, content: &[u8], packed: &str, depth: usize, found: &mut Vec<(String, String)>) {
        for at in starts(content, b"\x1f\x8b\x08") {
            if let Some(inner) = gzip::unpack(&content[at..]) {
                self.open(&inner, &format!(" in gzip{packed}"), depth, found);
            }
        }
        for run in content.split(|b| !is_base64(*b)).filter(|run| run.len() >= RUN) {
            // Something before it may touch what was packed.
            for before in 0..4 {
                if let Some(inner) = decoded(&run[before..]) {
                    self.open(&inner, &format!(" in base64{packed}"), depth, found);
                }
            }
        }
    }

    fn plain(&self, content: &[u8], packed: &str, found: &mut Vec<(String, String)>) {
        for at in 0..(content.len() + 1).saturating_sub(HEAD) {
            if !self.begins[two(&content[at..])] {
                continue;
            }
            for n in self.by_head.get(&content[at..at + HEAD]).into_iter().flatten().map(|n| &self.needles[*n]) {
                if content[at..].starts_with(&n.text) {
                    found.push((n.secret.clone(), format!("{}{packed}", n.form)));
                }
            }
        }
    }
}

/// A secret in every way that it may be written.
fn written(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let list = |between: &str| bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(between).into_bytes();
    let mut all = vec![
        ("raw", bytes.to_vec()),
        ("hex", hex::encode(bytes).into_bytes()),
        ("hex", hex::encode_upper(bytes).into_bytes()),
        ("a list of bytes", list(",")),
        ("a list of bytes", list(", ")),
    ];
    for (form, alphabet) in [("base64", STANDARD), ("base64url", URL_SAFE)] {
        // Whatever stands before it: the same bytes have three writings.
        for before in 0..3 {
            let text = GeneralPurpose::new(&alphabet, NO_PAD).encode([&vec![0; before], bytes].concat());
            // A character that shares its bits with a neighbour of the secret says nothing.
            let end = (before + bytes.len()) * 8 / 6;
            all.push((form, text.as_bytes()[(before * 8).div_ceil(6)..end].to_vec()));
        }
    }
    all
}

fn two(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 8 | usize::from(bytes[1])
}

fn starts<'a>(content: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    content.windows(mark.len()).enumerate().filter(move |(_, w)| *w == mark).map(|(at, _)| at)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)
}

/// Bytes of a run of base64 in either alphabet, its odd end left out.
fn decoded(run: &[u8]) -> Option<Vec<u8>> {
    let plain: Vec<u8> = run[..run.len() / 4 * 4]
        .iter()
        .map(|b| {
            if *b == b'-' {
                b'+'
            } else if *b == b'_' {
                b'/'
            } else {
                *b
            }
        })
        .collect();
    let rest = match run.len() % 4 {
        0 | 1 => vec![],
        _ => run[run.len() / 4 * 4..].to_vec(),
    };
    let engine = GeneralPurpose::new(&STANDARD, NO_PAD.with_decode_allow_trailing_bits(true));
    let mut bytes = engine.decode(plain).ok()?;
    bytes.extend(engine.decode(rest).unwrap_or_default());
    Some(bytes)
}

/// A text without its line breaks, also the written ones of JSON inside JSON.
fn joined(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len());
    let mut at = 0;
    while let Some(byte) = content.get(at) {
        let slashes = content[at..].iter().take_while(|b| **b == b'\\').count();
        if slashes > 0 && content.get(at + slashes).is_some_and(|b| b"nr".contains(b)) {
            at += slashes + 1;
        } else {
            if !b"\r\n".contains(byte) {
                out.push(*byte);
            }
            at += 1;
        }
    }
    out
}
