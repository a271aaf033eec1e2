//! What a service knows, on disk: a line for each change, read again when a sandbox starts on the same folder.
//!
//! A line is written before its change is answered, and is read whole or not at all, so that a process may be killed at any
//! point. A power cut may cost the last lines: nothing waits for the disk.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Lines that are worth the work of leaving out what later ones replaced.
const MANY_LINES: usize = 10_000;

/// Under which kind a journal says where its sandbox listened.
const ORIGIN: &str = "origin";

/// One thing as it became: its kind, its id, and what is known of it; `null` when that is nothing any more.
type Record = (String, String, Value);

/// The changes of one service, if they are written down at all.
#[derive(Debug, Default)]
pub(crate) struct Journal(Option<Mutex<Book>>);

#[derive(Debug)]
struct Book {
    path: PathBuf,
    file: File,
    lines: usize,
    /// Lines after which it is written anew.
    enough_lines: usize,
}

/// What one change touches.
#[derive(Debug)]
pub(crate) struct Change {
    is_kept: bool,
    records: Vec<Record>,
}

/// What an earlier sandbox wrote down, by kind, in the order in which it came.
#[derive(Debug, Default)]
pub(crate) struct Past(BTreeMap<String, Vec<(String, Value)>>);

impl Journal {
    /// Opens a journal for a sandbox that listens at `origin`, and gives what stands in it. Lines that are broken are left
    /// out.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(crate) fn open(path: PathBuf, origin: &str) -> io::Result<(Self, Past)> {
        let mut records = match fs::read(&path) {
            Ok(bytes) => read(&path, &bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        move_to(origin, &mut records);
        let book = Book::write_anew(path, &records)?;
        Ok((Self(Some(Mutex::new(book))), Past::of(records)))
    }

    /// Whether anything is written down.
    pub(crate) const fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// Writes down a change, which `note` tells. What cannot be written is only known as long as this sandbox runs.
    pub(crate) fn write(&self, note: impl FnOnce(&mut Change)) {
        let mut change = Change { is_kept: self.is_kept(), records: Vec::new() };
        note(&mut change);
        let Some(book) = self.0.as_ref().filter(|_| !change.records.is_empty()) else { return };
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = book.add(&change.records) {
            tracing::error!(path = %book.path.display(), %error, "the sandbox cannot write down what it knows");
        }
    }
}

impl Change {
    /// A thing is like that now.
    pub(crate) fn put(&mut self, kind: &str, id: &str, thing: &impl Serialize) {
        if self.is_kept
            && let Ok(value) = serde_json::to_value(thing)
        {
            self.records.push((kind.to_owned(), id.to_owned(), value));
        }
    }

    /// A thing is gone.
    pub(crate) fn remove(&mut self, kind: &str, id: &str) {
        self.put(kind, id, &Value::Null);
    }
}

impl Past {
    fn of(records: Vec<Record>) -> Self {
        let mut past = Self::default();
        for (kind, id, value) in records {
            past.0.entry(kind).or_default().push((id, value));
        }
        past
    }

    /// All things of a kind. One that cannot be read is left out.
    pub(crate) fn take<T: DeserializeOwned>(&mut self, kind: &str) -> impl Iterator<Item = (String, T)> {
        let records = self.0.remove(kind).unwrap_or_default().into_iter();
        records.filter_map(move |(id, value)| match serde_json::from_value(value) {
            Ok(thing) => Some((id, thing)),
            Err(error) => {
                tracing::warn!(id, %error, "what the sandbox wrote down is not understood, and left out");
                None
            }
        })
    }

    /// The one thing of a kind.
    pub(crate) fn take_one<T: DeserializeOwned>(&mut self, kind: &str) -> Option<T> {
        self.take(kind).next().map(|(_, thing)| thing)
    }
}

impl Book {
    /// Begins a file with these records, in place of the one that is there.
    fn write_anew(path: PathBuf, records: &[Record]) -> io::Result<Self> {
        let next = path.with_extension("next");
        let mut text = Vec::new();
        for record in records {
            add_line(&mut text, &[record])?;
        }
        fs::write(&next, text)?;
        fs::rename(&next, &path)?;
        let file = OpenOptions::new().append(true).open(&path)?;
        let lines = records.len();
        Ok(Self { path, file, lines, enough_lines: lines.saturating_mul(2).saturating_add(MANY_LINES) })
    }

    fn add(&mut self, records: &[Record]) -> io::Result<()> {
        // A break before and after: whatever became of the line before, this one stands for itself.
        let mut line = b"\n".to_vec();
        add_line(&mut line, records)?;
        self.file.write_all(&line)?;
        self.lines = self.lines.saturating_add(1);
        if self.lines > self.enough_lines {
            let records = read(&self.path, &fs::read(&self.path)?);
            *self = Self::write_anew(self.path.clone(), &records)?;
        }
        Ok(())
    }
}

fn add_line(text: &mut Vec<u8>, records: &[impl Serialize]) -> io::Result<()> {
    serde_json::to_writer(&mut *text, records)?;
    text.push(b'\n');
    Ok(())
}

/// What stands in a journal when all is read: each thing as it last was, those that came first before the others.
fn read(path: &Path, bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::<Option<Record>>::new();
    let mut places = BTreeMap::new();
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    for (index, line) in lines {
        let Ok(change) = serde_json::from_slice::<Vec<Record>>(line) else {
            tracing::warn!(path = %path.display(), line = index + 1, "broken line left out");
            continue;
        };
        for record in change {
            let key = (record.0.clone(), record.1.clone());
            if record.2.is_null() {
                if let Some(slot) = places.remove(&key).and_then(|place: usize| records.get_mut(place)) {
                    *slot = None;
                }
            } else if let Some(slot) = places.get(&key).and_then(|place| records.get_mut(*place)) {
                *slot = Some(record);
            } else {
                places.insert(key, records.len());
                records.push(Some(record));
            }
        }
    }
    records.into_iter().flatten().collect()
}

/// Makes URLs of the sandbox that wrote the records into those of the one that listens at `origin`.
fn move_to(origin: &str, records: &mut Vec<Record>) {
    let is_origin = |record: &Record| record.0 == ORIGIN;
    let earlier = records.iter().find(|record| is_origin(record)).and_then(|record| record.2.as_str());
    let earlier = earlier.filter(|earlier| *earlier != origin).map(|earlier| format!("{earlier}/"));
    records.retain(|record| !is_origin(record));
    if let Some(earlier) = earlier {
        for (_, _, value) in &mut *records {
            replace(value, &earlier, &format!("{origin}/"));
        }
    }
    records.push((ORIGIN.to_owned(), String::new(), origin.into()));
}

fn replace(value: &mut Value, from: &str, to: &str) {
    match value {
        Value::String(text) if text.contains(from) => *text = text.replace(from, to),
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, from, to)),
        Value::Object(fields) => fields.values_mut().for_each(|field| replace(field, from, to)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.jsonl");
        let (journal, _) = Journal::open(path.clone(), "http://here").unwrap();
        for number in 0..3 * MANY_LINES {
            journal.write(|change| {
                change.put("count", "", &number);
                change.put("gone", &number.to_string(), &number);
            });
            journal.write(|change| change.remove("gone", &number.to_string()));
        }
        assert!(fs::metadata(&path).unwrap().len() < 1_000_000);
        let (_, mut past) = Journal::open(path, "http://here").unwrap();
        assert_eq!(past.take_one::<usize>("count"), Some(3 * MANY_LINES - 1));
        assert_eq!(past.take::<usize>("gone").count(), 0);
    }

    #[test]
    fn nothing_is_written_where_nothing_is_kept() {
        let journal = Journal::default();
        journal.write(|change| {
            change.put("kind", "id", &1);
            assert!(change.records.is_empty());
        });
    }
}
