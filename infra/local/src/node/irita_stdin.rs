//! Standard input of the simulated irita. The keyring reads passphrases and `keys add` reads answers and mnemonics through a
//! buffer each: whichever reads first takes all that is there by then, which is a whole piece.

use std::collections::VecDeque;

/// A passphrase has at least so many characters.
const SHORTEST: usize = 8;
/// And so many tries.
const TRIES: usize = 3;

/// What was written to it, and what irita said while it read.
pub(super) struct Stdin {
    pieces: VecDeque<String>,
    passphrases: String,
    answers: String,
    /// Lines on stderr, one for each passphrase that was refused.
    pub said: String,
}

fn next_line(buffer: &mut String, pieces: &mut VecDeque<String>) -> Result<String, String> {
    loop {
        if let Some(end) = buffer.find('\n') {
            let line = buffer[..end].trim().to_string();
            buffer.drain(..=end);
            return Ok(line);
        }
        match pieces.pop_front() {
            Some(piece) => buffer.push_str(&piece),
            None => {
                buffer.clear();
                return Err("EOF".into());
            }
        }
    }
}

impl Stdin {
    pub fn new(pieces: &[&str]) -> Stdin {
        let pieces = pieces.iter().map(|p| p.to_string()).collect();
        Stdin { pieces, passphrases: String::new(), answers: String::new(), said: String::new() }
    }

    /// A line for a question of the command itself.
    pub fn answer(&mut self) -> Result<String, String> {
        next_line(&mut self.answers, &mut self.pieces)
    }

    fn password(&mut self) -> Result<String, String> {
        let line = next_line(&mut self.passphrases, &mut self.pieces)?;
        if line.len() < SHORTEST { Err(format!("password must be at least {SHORTEST} characters")) } else { Ok(line) }
    }

    /// The keyring's passphrase: the kept one, or a new one given twice.
    pub fn passphrase(&mut self, kept: Option<&str>) -> Result<String, String> {
        for _ in 0..TRIES {
            let tried = self.password().and_then(|given| match kept {
                Some(kept) if kept == given => Ok(given),
                Some(_) => Err("incorrect passphrase".into()),
                None if self.password()? == given => Ok(given),
                None => Err("passphrase do not match".into()),
            });
            match tried {
                Ok(given) => return Ok(given),
                Err(why) => self.said.push_str(&format!("{why}\n")),
            }
        }
        Err("too many failed passphrase attempts".into())
    }
}
