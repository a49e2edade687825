//! Reading gzip: enough of RFC 1951 and 1952 for whoever looks into what others packed. Checksums are not looked at: a damaged leak is one.

/// How many extra bits each length code has, and where its lengths begin.
const LENGTH_EXTRA: [u8; 29] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
/// In which order a block tells the lengths of the codes for lengths.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// What a gzip member holds, as far as it can be read; `None` = there is none at the beginning of `bytes`.
pub fn unpack(bytes: &[u8]) -> Option<Vec<u8>> {
    let [0x1f, 0x8b, 8, flags, ..] = *bytes else { return None };
    let mut at = 10;
    if flags & 4 != 0 {
        at += 2 + usize::from(*bytes.get(at)?) + 256 * usize::from(*bytes.get(at + 1)?);
    }
    for named in [8, 16] {
        if flags & named != 0 {
            at += 1 + bytes.get(at..)?.iter().position(|b| *b == 0)?;
        }
    }
    at += if flags & 2 != 0 { 2 } else { 0 };
    let mut out = vec![];
    // What was read before an error is looked at all the same.
    let _ = inflate(&mut Bits { bytes: bytes.get(at..)?, at: 0 }, &mut out);
    Some(out)
}

/// Bits, the lowest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn bit(&mut self) -> Option<usize> {
        let byte = self.bytes.get(self.at / 8)?;
        self.at += 1;
        Some(usize::from(byte >> ((self.at - 1) % 8) & 1))
    }

    fn number(&mut self, bits: u8) -> Option<usize> {
        (0..bits).try_fold(0, |n, place| Some(n | self.bit()? << place))
    }

    fn byte(&mut self) -> Option<u8> {
        self.number(8).map(|b| b as u8)
    }
}

/// A canonical Huffman code: for each length its first code, and the symbols that have it.
struct Code(Vec<(usize, Vec<usize>)>);

impl Code {
    fn of(lengths: &[u8]) -> Code {
        let with = |n: u8| lengths.iter().enumerate().filter(move |(_, l)| **l == n).map(|(symbol, _)| symbol).collect::<Vec<_>>();
        let mut first = 0;
        Code(
            (1..16)
                .map(|n| {
                    let symbols = with(n);
                    let begin = first;
                    first = (first + symbols.len()) << 1;
                    (begin, symbols)
                })
                .collect(),
        )
    }

    fn read(&self, bits: &mut Bits) -> Option<usize> {
        let mut code = 0;
        for (first, symbols) in &self.0 {
            code = code << 1 | bits.bit()?;
            if let Some(symbol) = code.checked_sub(*first).and_then(|n| symbols.get(n)) {
                return Some(*symbol);
            }
        }
        None
    }
}

fn inflate(bits: &mut Bits, out: &mut Vec<u8>) -> Option<()> {
    loop {
        let last = bits.bit()? == 1;
        match bits.number(2)? {
            0 => {
                bits.at = bits.at.next_multiple_of(8);
                let length = bits.number(16)?;
                bits.number(16)?;
                for _ in 0..length {
                    out.push(bits.byte()?);
                }
            }
            1 => {
                let literals: Vec<u8> = [(8, 144), (9, 112), (7, 24), (8, 8)].iter().flat_map(|(bits, count)| vec![*bits; *count]).collect();
                block(bits, &Code::of(&literals), &Code::of(&[5; 30]), out)?;
            }
            2 => {
                let (literals, distances) = codes(bits)?;
                block(bits, &literals, &distances, out)?;
            }
            _ => return None,
        }
        if last {
            return Some(());
        }
    }
}

/// The two codes that a block tells before its content.
fn codes(bits: &mut Bits) -> Option<(Code, Code)> {
    let (literals, distances, told) = (bits.number(5)? + 257, bits.number(5)? + 1, bits.number(4)? + 4);
    let mut short = [0; 19];
    for place in &ORDER[..told] {
        short[*place] = bits.number(3)? as u8;
    }
    let code = Code::of(&short);
    let mut lengths: Vec<u8> = vec![];
    while lengths.len() < literals + distances {
        let (value, times) = match code.read(bits)? {
            16 => (*lengths.last()?, 3 + bits.number(2)?),
            17 => (0, 3 + bits.number(3)?),
            18 => (0, 11 + bits.number(7)?),
            length => (length as u8, 1),
        };
        lengths.extend(vec![value; times]);
    }
    Some((Code::of(&lengths[..literals]), Code::of(lengths.get(literals..literals + distances)?)))
}

/// One block's content: bytes, and repetitions of what came before.
fn block(bits: &mut Bits, literals: &Code, distances: &Code, out: &mut Vec<u8>) -> Option<()> {
    loop {
        match literals.read(bits)? {
            byte @ 0..=255 => out.push(byte as u8),
            256 => return Some(()),
            code => {
                let code = code - 257;
                let below: usize = LENGTH_EXTRA.get(..code)?.iter().map(|extra| 1usize << extra).sum();
                let length = if code == 28 { 258 } else { 3 + below + bits.number(LENGTH_EXTRA[code])? };
                let far = distances.read(bits)?;
                let extra = (far / 2).saturating_sub(1);
                let distance = if far < 4 { 1 + far } else { 1 + ((2 + far % 2) << extra) + bits.number(extra as u8)? };
                for _ in 0..length {
                    out.push(*out.get(out.len().checked_sub(distance)?)?);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::unpack;
    use base64::{Engine, engine::general_purpose::STANDARD};

    /// What gzip itself packed: stored, with the fixed code, with a code of its own, and with a file's name.
    const PACKED: [(&str, &str); 4] = [
        ("H4sIAAAAAAAA/wEdAOL/YSBrZXkgdGhhdCBpcyBzdG9yZWQgYXMgaXQgaXOfvjUnHQAAAA==", "a key that is stored as it is"),
        ("H4sIAAAAAAAA/8vPS1Uozy9K0VHIR2El5+clpxaUAAAMsaUJHwAAAA==", "one word, one word, one concept"),
        (
            "H4sIAAAAAAAA/+3M2w2AIBBE0VamAGMDVsNjEgzCRhYS6V5iCX7v783M6Ym4xxky0vBwmvVAX62weDbwYRidusHViCpe4kSSK+oKsoYNmXP/LsYYY4wxxvxkXmHIPsqMBQAA",
            "the quick hub asks; the member executes, and nobody holds another key. ",
        ),
        ("H4sICAAAAAAA/2tleS5wZW0AS1TITq1UKMlILFHILFYoLskvSk1RSCxWyATxAZ++NScdAAAA", "a key that is stored as it is"),
    ];

    #[test]
    fn what_gzip_packed_is_read() {
        for (packed, text) in PACKED {
            let bytes = STANDARD.decode(packed).expect("base64");
            let read = unpack(&bytes).expect("gzip");
            let whole = text.repeat(if text.len() > 40 { 20 } else { 1 });
            assert_eq!(String::from_utf8_lossy(&read), whole);
            assert_eq!(unpack(&bytes[1..]), None);
            assert!(unpack(&bytes[..bytes.len() - 12]).is_some_and(|part| whole.as_bytes().starts_with(&part) && part.len() < whole.len()));
        }
    }
}
