//! Uploads on their way to this machine's disk: hashed as they come, and refused as soon as they show that they are of no use.

use super::{
    MAX_INPUT_BYTES,
    inputs::{RECORDINGS, describe, disk},
};
use crate::{App, Error};
use domain::params::FieldError;
use media::{HEAD_BYTES, MediaError, MediaKind, MediaType, sniff};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::{fs::File, io::AsyncWriteExt};

/// What an upload is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A picture or a sound, to be worked on.
    Input,
    /// What speech is read from.
    Recording,
}

impl Expected {
    /// Whether a file of that head may be it; its depths may still say otherwise.
    fn check(self, name: &'static str, head: &[u8]) -> Result<(), Error> {
        let wrong = match (sniff(head), self) {
            (None, _) => FieldError::new(name, format!("cannot be read: {}", MediaError::Unknown)),
            (Some(found), Self::Recording) if RECORDINGS.contains(&found) => return Ok(()),
            // Sound alone, maybe.
            (Some(MediaType::Mp4), Self::Input) => return Ok(()),
            (Some(found), Self::Input) if found.kind() != MediaKind::Video => return Ok(()),
            (Some(_), Self::Recording) => another_kind(name).allowing(RECORDINGS.map(MediaType::extension)),
            (Some(_), Self::Input) => {
                another_kind(name).allowing([MediaKind::Image, MediaKind::Audio].map(describe))
            }
        };
        Err(Error::Validation(vec![wrong]))
    }
}

pub(super) fn another_kind(name: &str) -> FieldError {
    FieldError::new(name, "is a file of another kind")
}

/// An upload that lies on this machine's disk, in a folder of its own.
#[derive(Debug)]
pub struct Spooled {
    /// The folder, gone when this is.
    pub folder: TempDir,
    /// The file in it.
    pub path: PathBuf,
    /// By which two uploads can be told to be the same.
    pub sha256: [u8; 32],
}

/// An upload that is coming in.
pub struct Spool {
    name: &'static str,
    expected: Expected,
    folder: TempDir,
    path: PathBuf,
    file: File,
    hash: Sha256,
    left_bytes: u64,
    head: Vec<u8>,
}

impl App {
    /// Begins to write an upload, which the client knows as `name`.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when this machine's disk fails.
    pub async fn spool(&self, name: &'static str, expected: Expected) -> Result<Spool, Error> {
        Spool::begin(self.scratch_folder()?, name, expected).await
    }
}

impl Spool {
    async fn begin(folder: TempDir, name: &'static str, expected: Expected) -> Result<Self, Error> {
        let path = folder.path().join("upload");
        let file = File::create(&path).await.map_err(|error| disk(&error))?;
        let (hash, head) = (Sha256::new(), Vec::with_capacity(HEAD_BYTES));
        Ok(Self { name, expected, folder, path, file, hash, left_bytes: MAX_INPUT_BYTES, head })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Error::UploadTooLarge`]; [`Error::Validation`] when its head says that it is nothing that is taken.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left_bytes = self.left_bytes.checked_sub(len).ok_or(Error::UploadTooLarge)?;
        let missing = HEAD_BYTES - self.head.len();
        if missing > 0 {
            self.head.extend(bytes.iter().take(missing));
            if self.head.len() == HEAD_BYTES {
                self.expected.check(self.name, &self.head)?;
            }
        }
        self.hash.update(bytes);
        self.file.write_all(bytes).await.map_err(|error| disk(&error))
    }

    /// All bytes have come.
    ///
    /// # Errors
    /// As [`Self::write`], for one that is shorter than its head may be.
    pub async fn finish(mut self) -> Result<Spooled, Error> {
        self.expected.check(self.name, &self.head)?;
        self.file.flush().await.map_err(|error| disk(&error))?;
        Ok(Spooled { folder: self.folder, path: self.path, sha256: self.hash.finalize().into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_upload_is_known_by_its_hash_however_it_comes() {
        let sound = [b"RIFF\0\0\0\0WAVE".as_slice(), &[7; 10_000]].concat();
        for size in [1, 4_095, 4_096, 20_000] {
            let mut spool =
                Spool::begin(tempfile::tempdir().unwrap(), "audio", Expected::Recording).await.unwrap();
            for chunk in sound.chunks(size) {
                spool.write(chunk).await.unwrap();
            }
            let spooled = spool.finish().await.unwrap();
            assert_eq!(spooled.sha256.as_slice(), Sha256::digest(&sound).as_slice());
            assert_eq!(std::fs::read(&spooled.path).unwrap(), sound);
        }
    }
}
